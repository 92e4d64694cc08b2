//! Login: checks a password; returns tokens, or a challenge where the user has a second factor.

use std::time::Duration;

use futures_util::TryFutureExt as _;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::{
    Logins,
    challenge::{Begun, PendingChallenge},
};
use crate::{
    domain::{AuthMethod, Context, EventKind, LoginName, Password, device_name, size},
    service::{
        Error,
        fields::{Fields, check_sizes},
        limits::{Guess, PasswordAttempt},
        sessions::{Destination, Tokens},
    },
    store::{Credentials, LoginDevice, SparedBy},
    token::OpaqueToken,
};

/// The minimum response time of a login that is refused before its password is checked, against user enumeration by
/// timing: finding an account takes some microseconds longer than finding none, and such refusals cost an attacker
/// nothing, so that many of them would average out the noise.
const REFUSED_AFTER: Duration = Duration::from_millis(10);

/// The request.
#[derive(Debug)]
pub struct LoginRequest {
    /// A username or an e-mail address.
    pub username: String,
    /// The password.
    pub password: zeroize::Zeroizing<String>,
    /// The audience of the tokens; may be empty.
    pub audience: String,
    /// The user's name for the device; may be empty.
    pub device_name: String,
    /// The device token of an earlier login; may be empty.
    pub device_token: OpaqueToken,
}

/// The outcome of a login.
#[derive(Debug)]
pub enum LoginOutcome {
    /// The login is complete.
    Tokens(Tokens),
    /// The login waits for the second factor.
    Challenge(PendingChallenge),
}

/// A parsed request.
#[derive(Debug)]
struct Claim<'a> {
    name: LoginName,
    password: Password,
    audience: &'a str,
    device_name: String,
    device_token: OpaqueToken,
    context: &'a Context,
}

impl Logins {
    /// Checks a password.
    ///
    /// # Errors
    /// Bad fields; too many calls or failures; credentials that are not valid; the store's and the hasher's.
    pub fn login<'a>(
        &'a self,
        context: &'a Context,
        request: LoginRequest,
    ) -> impl Future<Output = Result<LoginOutcome, Error>> + Send + 'a {
        // Parse before the first await, so that a waiting login keeps one copy of the request.
        let (begun, claim) = (Instant::now(), self.admit_login(context, request));
        async move {
            match claim {
                Ok(ref claim) => {
                    self.try_login(claim).or_else(|error| hold_back(begun, error)).await
                }
                Err(refused) => hold_back(begun, refused).await,
            }
        }
    }

    async fn try_login(&self, claim: &Claim<'_>) -> Result<LoginOutcome, Error> {
        let Claim { name, password, device_token, context, .. } = claim;
        let found = self.look_up(name).await?;
        let device_id =
            found.as_ref().and_then(|found| self.sessions.known_device(found, device_token));
        let budget = self.limits.login_budget(name, found.as_ref(), device_id, context.address);
        // Against user enumeration and timing attacks: one hash in any case, and only then the check whether the user
        // exists and is enabled.
        let stored = found.as_ref().map(|found| found.password_hash.as_str());
        let guess = self.limits.guess(context, &budget, password, stored).await?;
        // On the heap: thousands of logins may wait for their hash, and none needs this space yet.
        Box::pin(self.conclude(claim, found.as_ref(), device_id, guess)).await
    }

    /// Concludes a login whose password was checked. `guess` holds its place in line until then.
    async fn conclude(
        &self,
        claim: &Claim<'_>,
        found: Option<&Credentials>,
        device_id: Option<Uuid>,
        guess: Guess,
    ) -> Result<LoginOutcome, Error> {
        let passes = |found: &&Credentials| guess.right && found.user.disabled_at.is_none();
        let Some(credentials) = found.filter(passes) else {
            let user_id = found.map(|found| found.user.id);
            return self.refuse_login(claim.context, user_id).await;
        };
        self.rehash(claim.context, credentials, &claim.password);
        let destination = Destination {
            session_id: None,
            device_id,
            audience: claim.audience.to_owned(),
            device_name: claim.device_name.clone(),
            address: claim.context.address,
        };
        let attempt = &guess.attempt;
        let outcome = self.complete(claim.context, credentials, &destination, attempt).await?;
        match outcome {
            Some(outcome) => Ok(outcome),
            None => self.refuse_login(claim.context, Some(credentials.user.id)).await,
        }
    }

    /// Completes a login whose password was right, or begins its challenge. After too many failures in a row a right password may be
    /// a lucky guess (brute force), and one that is distrusted a thief's: the mailbox is needed as well, also on a
    /// trusted device. `None` if the account was disabled, or its password changed, during the hash (race).
    async fn complete(
        &self,
        context: &Context,
        credentials: &Credentials,
        destination: &Destination,
        attempt: &PasswordAttempt,
    ) -> Result<Option<LoginOutcome>, Error> {
        // A device that is known has become so since then: by a code to the mailbox, which is its owner's again.
        let is_distrusted = credentials.is_distrusted && destination.device_id.is_none();
        let is_over = attempt.is_over_the_limit() || is_distrusted;
        if !credentials.user.is_2fa_enabled && !is_over {
            return self.begin_session(context, credentials, destination, attempt, None).await;
        }
        if !is_over
            && let Some(trust) = self.sessions.trust_of(credentials, destination.device_id).await?
            && let Some(outcome) =
                self.begin_session(context, credentials, destination, attempt, Some(trust)).await?
        {
            return Ok(Some(outcome));
        }
        let begun = Begun::ByPassword(self.limits.refund_of(attempt));
        let begun = self.begin_challenge(context, credentials, destination, begun).await;
        // It was right all the same.
        if matches!(begun, Ok(None) | Err(Error::Throttled(_) | Error::CodesUsedUp)) {
            self.limits.give_back_password(attempt).await?;
        }
        Ok(begun?.map(LoginOutcome::Challenge))
    }

    /// Sizes, then the address's rate limit, and only then the contents of the fields.
    fn admit_login<'a>(
        &'a self,
        context: &'a Context,
        request: LoginRequest,
    ) -> Result<Claim<'a>, Error> {
        check_sizes([
            (size::USERNAME, &request.username),
            (size::PASSWORD, &request.password),
            (size::AUDIENCE, &request.audience),
            (size::DEVICE_NAME, &request.device_name),
        ])?;
        self.limits.admit(context)?;
        self.parse_login(context, request)
    }

    fn parse_login<'a>(
        &'a self,
        context: &'a Context,
        request: LoginRequest,
    ) -> Result<Claim<'a>, Error> {
        let mut fields = Fields::default();
        let name = fields.check(LoginName::parse(&request.username));
        let password = fields.check(Password::parse(&request.password));
        let device_name = fields.check(device_name(&request.device_name));
        let audience = self.policy.audience(&request.audience);
        fields.require(audience.is_some(), "audience", "is not one of the configured audiences");
        fields.all((|| {
            Some(Claim {
                name: name?,
                password: password?,
                audience: audience?,
                device_name: device_name?,
                device_token: request.device_token,
                context,
            })
        })())
    }

    async fn look_up(&self, name: &LoginName) -> Result<Option<Credentials>, Error> {
        let _turn = self.limits.ask_store().await;
        Ok(self.store.user_by_login(name).await?)
    }

    /// Begins the session, and forgets the failures that were counted with `attempt`. `None` if the account has changed
    /// meanwhile, or the trust of the device has ended (race).
    async fn begin_session(
        &self,
        context: &Context,
        credentials: &Credentials,
        destination: &Destination,
        attempt: &PasswordAttempt,
        spared_by: Option<SparedBy>,
    ) -> Result<Option<LoginOutcome>, Error> {
        let session = self.sessions.new_session(credentials, destination, &[AuthMethod::Password]);
        let (version, limit) =
            (credentials.credential_version, self.sessions.session_limit(session.created_at));
        let device_id = self.sessions.device_to_be(&session, destination);
        let settled = self.limits.settled(attempt);
        let device = self.sessions.device_of_login(context, &credentials.user, destination)?;
        let device = LoginDevice { spared_by, ..device };
        let begun = self.store.session_create(session, version, settled, limit, device).await?;
        let Some(session) = begun else { return Ok(None) };
        let is_spared = spared_by.is_some();
        let tokens = self.sessions.issue_at_login(credentials, &session, device_id, is_spared)?;
        Ok(Some(LoginOutcome::Tokens(tokens)))
    }

    /// The same answer for every failed login. Recording it is one write in every case, against user enumeration by
    /// timing; an unknown name is not recorded: people type passwords into that field.
    async fn refuse_login(
        &self,
        context: &Context,
        user_id: Option<Uuid>,
    ) -> Result<LoginOutcome, Error> {
        self.limits.record_failure(context, EventKind::LoginFailed, user_id, None).await?;
        Err(Error::InvalidCredentials)
    }
}

/// Returns the error, delaying a refusal to the minimum response time.
async fn hold_back(begun: Instant, error: Error) -> Result<LoginOutcome, Error> {
    if matches!(error, Error::Throttled(_) | Error::Overloaded(_)) {
        sleep_until(begun + REFUSED_AFTER).await;
    }
    Err(error)
}
