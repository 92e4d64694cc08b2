//! Login: a password gives tokens, or a challenge where the user has a second factor.

use uuid::Uuid;

use super::{Error, PendingChallenge, Tokens, UseCases, fields::Fields};
use crate::{
    domain::{AuthMethod, Caller, LoginName, Password, device_name},
    store::Credentials,
    token::OpaqueToken,
};

/// What a caller sent.
#[derive(Debug)]
pub struct LoginRequest {
    /// A username or an e-mail address.
    pub username: String,
    /// The password.
    pub password: zeroize::Zeroizing<String>,
    /// Whom the tokens are to be for; may be empty.
    pub audience: String,
    /// What the user calls the device; may be empty.
    pub device_name: String,
    /// What an earlier login gave the device; may be empty.
    pub device_token: OpaqueToken,
}

/// What came of a login.
#[derive(Debug)]
pub enum LoginOutcome {
    /// It is complete.
    Tokens(Tokens),
    /// It waits for the second factor.
    Challenge(PendingChallenge),
}

/// Where a session will be used.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    /// The device, if it is known.
    pub(super) device_id: Option<Uuid>,
    pub(super) audience: String,
    pub(super) device_name: String,
    pub(super) address: Option<std::net::IpAddr>,
}

impl UseCases {
    /// Checks a password.
    ///
    /// # Errors
    /// Bad fields; too many calls or failures; credentials that are not valid; the store's and the hasher's.
    pub async fn login(
        &self,
        request: LoginRequest,
        caller: Caller,
    ) -> Result<LoginOutcome, Error> {
        // What was sent is held once, not twice, by whoever waits for a hash.
        let (name, password, device_token, mut destination) = self.parse_login(request, caller)?;
        self.admit(&caller)?;
        let found = self.store.user_by_login(&name).await?;
        destination.device_id =
            found.as_ref().and_then(|found| self.known_device(found, &device_token));
        let budget = self.login_budget(&name, found.as_ref(), destination.device_id);
        // One hash in any case, and only then is it looked at whether there is such a user and whether it is enabled:
        // neither the answer nor the time tells.
        let stored = found.as_ref().map(|found| found.password_hash.as_str());
        let guess = self.guess(budget, &password, stored, caller).await?;
        let passes = |found: &Credentials| guess.right && found.user.disabled_at.is_none();
        let Some(credentials) = found.filter(passes) else {
            return Err(Error::InvalidCredentials);
        };
        self.rehash(&credentials, password, caller);
        // Nothing in the request has a say in this. After too many failures in a row the right password may be a lucky
        // guess: then it takes the mailbox as well.
        if credentials.user.is_2fa_enabled || guess.attempt.is_over_the_limit() {
            self.take_back(guess.attempt).await?;
            let challenge = self.begin_challenge(&credentials, &destination).await?;
            return Ok(LoginOutcome::Challenge(challenge));
        }
        self.forget_failures(budget).await?;
        Ok(LoginOutcome::Tokens(self.complete(&credentials, &destination).await?))
    }

    fn parse_login(
        &self,
        request: LoginRequest,
        caller: Caller,
    ) -> Result<(LoginName, Password, OpaqueToken, Destination), Error> {
        let mut fields = Fields::default();
        let name = fields.check(LoginName::parse(&request.username));
        let password = fields.check(Password::parse(&request.password));
        let device_name = fields.check(device_name(&request.device_name));
        let audience = self.policy.audience(&request.audience);
        fields.require(audience.is_some(), "audience", "is not one of the configured audiences");
        fields.all((|| {
            let destination = Destination {
                device_id: None,
                audience: audience?.to_owned(),
                device_name: device_name?,
                address: caller.address,
            };
            Some((name?, password?, request.device_token, destination))
        })())
    }

    async fn complete(
        &self,
        credentials: &Credentials,
        destination: &Destination,
    ) -> Result<Tokens, Error> {
        let session = self.new_session(credentials, destination, &[AuthMethod::Password]);
        // The account may have been disabled, or its password changed, while this one was hashed.
        if !self.store.session_create(session.clone(), credentials.credential_version).await? {
            return Err(Error::InvalidCredentials);
        }
        self.issue_at_login(credentials, &session, destination)
    }
}
