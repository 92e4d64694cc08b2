//! BeginPasskeyRegistration: asks the browser for a passkey.

use rand::RngExt as _;

use super::PasskeyKeeper;
use crate::{
    domain::{Context, MOST_PASSKEYS},
    service::{
        Error, PasskeyError,
        ceremonies::{CeremonyOptions, Purpose},
        factors::Confirmation,
        sessions::Account,
    },
};

impl Purpose {
    /// To add a passkey by the session that asks.
    pub(super) fn of_registration(account: &Account) -> Self {
        let session_id = account.session().id;
        let credential_version = account.credentials().credential_version;
        Self::Registration { session_id, credential_version }
    }
}

impl PasskeyKeeper {
    /// What a browser is asked. Nothing is stored but what authenticators know the user by.
    ///
    /// # Errors
    /// There are no passkeys; an address that must be verified first; bad fields; what `confirm` finds missing or wrong; the user has too many; the store's and the hasher's.
    pub async fn begin_passkey_registration(
        &self,
        context: &Context,
        account: &Account,
        confirmation: Confirmation,
    ) -> Result<CeremonyOptions, Error> {
        let (password, _no_request_id) = confirmation.parse()?;
        self.ceremonies.relying_party()?;
        // Whoever registered with somebody else's address would keep a way in beside its owner (account pre-hijacking).
        if self.policy.email_verification && !account.user().email_verified {
            return Err(Error::EmailUnverified);
        }
        // The bearer token alone is not enough: a thief would have a way in that outlives the session.
        let second_factor = confirmation.second_factor.as_ref();
        self.factors.confirm(context, account, &password, second_factor).await?;
        let has = self.store.passkeys_of(account.user().id).await?;
        if has.len() >= MOST_PASSKEYS {
            return Err(PasskeyError::TooMany.into());
        }
        let change = self.factors.factor_change(context, account);
        let drawn = rand::rng().random();
        // A race: the password was changed meanwhile, or the session ended.
        let handle = self.store.passkey_handle(change, drawn).await?;
        let handle = handle.ok_or(Error::InvalidCredentials)?;
        let purpose = Purpose::of_registration(account);
        self.ceremonies.ask_for_registration(purpose, account.user(), handle, &has)
    }
}
