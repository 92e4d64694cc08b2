//! ExportUsers: all users, page by page in the order of their ids.

use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Transfers, row::TransferredUser};
use crate::{
    domain::{Context, Event, EventKind, TotpSecret},
    password::HashParameters,
    service::Error,
    store::{ExportedUser, SealedTotp},
    token::Place,
};

impl Transfers {
    /// Records that an export begins. Who may have the secrets is for the caller to ask.
    ///
    /// # Errors
    /// The store's.
    pub async fn begin_export(&self, context: &Context, with_secrets: bool) -> Result<(), Error> {
        let kind = if with_secrets { EventKind::SecretsExported } else { EventKind::UsersExported };
        let (actor, address) = (context.actor.clone(), context.address);
        let event = Event::of(kind, None, None, actor, address, self.clock.now());
        Ok(self.store.event_append(event, None).await?)
    }

    /// The next users by id after that one, `most` at the most; none after the last. Hashes and secrets are left out unless they are asked
    /// for.
    ///
    /// # Errors
    /// The store's; a secret that does not decrypt.
    pub async fn export_users(
        &self,
        after: Uuid,
        most: u32,
        with_secrets: bool,
    ) -> Result<Vec<TransferredUser>, Error> {
        let users = self.store.users_export(after, most).await?;
        users.into_iter().map(|user| self.exported(user, with_secrets)).collect()
    }

    fn exported(&self, found: ExportedUser, with_secrets: bool) -> Result<TransferredUser, Error> {
        let user = found.user;
        let totp = found.totp.filter(|_| with_secrets);
        let totp_secret = totp.map(|app| self.open(user.id, &app)).transpose()?;
        let password_hash = if with_secrets { found.password_hash } else { String::new() };
        Ok(TransferredUser {
            id: Some(user.id),
            username: user.username,
            email: user.email,
            email_verified: user.email_verified,
            password_hash: Zeroizing::new(password_hash),
            hash_parameters: HashParameters::default(),
            roles: user.roles,
            metadata: found.metadata.into_members(),
            claims: user.claims.into_members(),
            totp_secret: totp_secret.unwrap_or_default(),
            two_factor_enabled: user.is_2fa_enabled,
            is_disabled: user.disabled_at.is_some(),
            created_at: Some(user.created_at),
        })
    }

    fn open(&self, user_id: Uuid, app: &SealedTotp) -> Result<Zeroizing<String>, Error> {
        let place = Place::TotpSecret { id: app.id, user_id };
        let secret = self.master_key.open(&place, &app.sealed_secret);
        let secret = secret.map_err(|error| Error::Internal(error.into()))?;
        let corrupt = || Error::Internal("a TOTP secret is not of its length".into());
        Ok(TotpSecret::from_bytes(&secret).ok_or_else(corrupt)?.base32())
    }
}
