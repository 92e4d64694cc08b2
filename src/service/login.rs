//! Login: a password gives tokens, or a challenge where the user has a second factor.

use super::{Error, PendingChallenge, Tokens, UseCases, fields::Fields};
use crate::{
    domain::{AuthMethod, Caller, LoginName, Password, device_name},
    store::Credentials,
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
    pub(super) audience: String,
    pub(super) device_name: String,
    pub(super) address: Option<std::net::IpAddr>,
}

impl UseCases {
    /// Checks a password.
    ///
    /// # Errors
    /// Bad fields; credentials that are not valid; the store's and the hasher's.
    pub async fn login(
        &self,
        request: LoginRequest,
        caller: Caller,
    ) -> Result<LoginOutcome, Error> {
        let (name, password, destination) = self.parse_login(&request, caller)?;
        // What was sent is held once, not twice, by whoever waits for a hash.
        drop(request);
        let found = self.store.user_by_login(&name).await?;
        // One hash in any case, and only then is it looked at whether there is such a user and whether it is enabled:
        // neither the answer nor the time tells.
        let stored = found.as_ref().map(|found| found.password_hash.as_str());
        let right = self.passwords.verify(&password, stored, caller).await?;
        let Some(credentials) = found.filter(|found| right && found.user.disabled_at.is_none())
        else {
            return Err(Error::InvalidCredentials);
        };
        self.rehash(&credentials, password, caller);
        // Nothing in the request has a say in this.
        if credentials.user.is_2fa_enabled {
            let challenge = self.begin_challenge(&credentials, &destination).await?;
            return Ok(LoginOutcome::Challenge(challenge));
        }
        Ok(LoginOutcome::Tokens(self.complete(&credentials, &destination).await?))
    }

    fn parse_login(
        &self,
        request: &LoginRequest,
        caller: Caller,
    ) -> Result<(LoginName, Password, Destination), Error> {
        let mut fields = Fields::default();
        let name = fields.check(LoginName::parse(&request.username));
        let password = fields.check(Password::parse(&request.password));
        let device_name = fields.check(device_name(&request.device_name));
        let audience = self.policy.audience(&request.audience);
        fields.require(audience.is_some(), "audience", "is not one of the configured audiences");
        fields.all((|| {
            let destination = Destination {
                audience: audience?.to_owned(),
                device_name: device_name?,
                address: caller.address,
            };
            Some((name?, password?, destination))
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
        self.issue(&credentials.user, &session, session.created_at)
    }
}
