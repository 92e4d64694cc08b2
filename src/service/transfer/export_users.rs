//! ExportUsers: all users, page by page in the order of their ids.

use std::sync::Arc;

use futures_util::{Stream, TryStreamExt as _, stream};
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

/// Users of a page: with the largest metadata and claims it has 9 MB.
const PAGE: u32 = 500;

/// Pages that are read at a time, while the one before is written or sent.
const AT_A_TIME: usize = 2;

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

    /// All users after that one, page by page in the order of their ids; a page can be empty. Hashes and secrets are left out unless
    /// they are asked for.
    ///
    /// # Errors
    /// The store's; a secret that does not decrypt.
    pub fn export_users(
        &self,
        after: Uuid,
        with_secrets: bool,
    ) -> impl Stream<Item = Result<Vec<TransferredUser>, Error>> + Send + use<> {
        let (store, transfers) = (Arc::clone(&self.store), self.clone());
        // Where a page ends is known before it is read, so that the next one can be read meanwhile.
        let ranges = stream::try_unfold(Some(after), move |after| {
            let store = Arc::clone(&store);
            async move {
                let Some(after) = after else { return Ok(None) };
                let end = store.users_export_end(after, PAGE).await?;
                Ok(Some(((after, end.unwrap_or(Uuid::max())), end)))
            }
        });
        let pages = ranges.map_ok(move |range| {
            let transfers = transfers.clone();
            let page = tokio::spawn(async move { transfers.page(range, with_secrets).await });
            async { page.await.map_err(|panicked| Error::Internal(panicked.into()))? }
        });
        pages.try_buffered(AT_A_TIME)
    }

    async fn page(
        &self,
        (after, until): (Uuid, Uuid),
        with_secrets: bool,
    ) -> Result<Vec<TransferredUser>, Error> {
        let users = self.store.users_export(after, until).await?;
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
