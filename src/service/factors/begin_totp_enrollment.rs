//! BeginTotpEnrollment: a secret for an authenticator app, valid once it is confirmed.

use std::time::Duration;

use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Factors, confirm::Confirmation};
use crate::{
    domain::{Context, Password, Qr, TotpSecret, User},
    service::{Error, retries::Retry, sessions::Account},
    store::{FactorChange, NewTotp, SealedTotp},
    token::Place,
};

/// How long an enrolment waits for its confirmation: the user may have to install an app first.
const ENROLLMENT_TTL: Duration = Duration::from_secs(10 * 60);

/// A secret in every form that an app may take. Its `Debug` hides it.
pub struct TotpEnrollment {
    /// The enrolment's id.
    pub id: Uuid,
    /// The secret in base32, to type in.
    pub secret: Zeroizing<String>,
    /// The secret as a Key URI.
    pub uri: Zeroizing<String>,
    /// The URI, to scan.
    pub qr: Qr,
}

impl std::fmt::Debug for TotpEnrollment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TotpEnrollment").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Factors {
    /// Draws a secret. An app that the user has keeps working until the new one is confirmed.
    ///
    /// # Errors
    /// Bad fields; what `confirm` finds missing or wrong; the store's and the hasher's.
    pub async fn begin_totp_enrollment(
        &self,
        context: &Context,
        account: &Account,
        confirmation: Confirmation,
    ) -> Result<TotpEnrollment, Error> {
        let (password, request_id) = confirmation.parse()?;
        let retry = self.retry(request_id, "BeginTotpEnrollment", account);
        let first = self.new_enrollment(context, account, (&password, &confirmation), &retry);
        let again = |answer| self.begun(context, account, &password, answer);
        self.retries.once(&retry, first, again).await
    }

    async fn new_enrollment(
        &self,
        context: &Context,
        account: &Account,
        (password, confirmation): (&Password, &Confirmation),
        retry: &Retry,
    ) -> Result<TotpEnrollment, Error> {
        // The bearer token alone is not enough: a thief would lock the owner out with an app of their own.
        self.confirm(context, account, password, confirmation.second_factor.as_ref()).await?;
        let (id, secret) = (Uuid::now_v7(), TotpSecret::generate(&mut rand::rng()));
        let enrollment = self.enrollment(id, &secret, account.user())?;
        let answer = Zeroizing::new([id.as_bytes(), secret.expose()].concat());
        let place = Place::TotpSecret { id, user_id: account.user().id };
        let sealed_secret = self.master_key.seal(&place, secret.expose());
        let sealed_secret = sealed_secret.map_err(|error| Error::Internal(error.into()))?;
        let carried_out = self.retries.carried_out(retry, &answer)?;
        let change = FactorChange { carried_out, ..self.factor_change(context, account) };
        let expires_at = change.now.plus(ENROLLMENT_TTL);
        let new = NewTotp { sealed: SealedTotp { id, sealed_secret }, change, expires_at };
        if self.store.totp_begin(new).await? {
            return Ok(enrollment);
        }
        // A race: the password was changed meanwhile, or the session ended.
        Err(Error::InvalidCredentials)
    }

    /// The enrolment that was begun before: of its id and secret.
    async fn begun(
        &self,
        context: &Context,
        account: &Account,
        password: &Password,
        answer: Zeroizing<Vec<u8>>,
    ) -> Result<TotpEnrollment, Error> {
        self.confirm_again(context, account, password).await?;
        let parts = answer.split_first_chunk::<16>();
        let parts = parts.and_then(|(id, secret)| Some((id, TotpSecret::from_bytes(secret)?)));
        let (id, secret) =
            parts.ok_or_else(|| Error::Internal("an answer is no enrolment".into()))?;
        self.enrollment(Uuid::from_bytes(*id), &secret, account.user())
    }

    fn enrollment(
        &self,
        id: Uuid,
        secret: &TotpSecret,
        user: &User,
    ) -> Result<TotpEnrollment, Error> {
        let uri = secret.uri(&self.policy.totp_issuer, &user.username);
        let uri = uri.map_err(|error| Error::Internal(error.into()))?;
        let qr = Qr::of(&uri).map_err(|error| Error::Internal(error.into()))?;
        let secret = secret.base32();
        Ok(TotpEnrollment { id, secret, uri, qr })
    }
}
