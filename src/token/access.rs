//! Access tokens: issued, and verified as RFC 8725 and RFC 9068 (section 4) ask.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::{Header, Validation};
use uuid::Uuid;

use super::{Claims, KeyError, PublicKey, SigningKey};
use crate::domain::{AuthMethod, Session, Timestamp, User};

/// The header's type (RFC 9068, section 2.1): no other kind of JWT is an access token.
const TYPE: &str = "at+jwt";

/// What access tokens say beside who the user is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The claim `iss`.
    pub issuer: String,
    /// How long a token is valid.
    pub ttl: Duration,
}

/// A signed access token.
#[derive(Clone)]
pub struct AccessToken {
    /// The JWT.
    pub jwt: String,
    /// How long it is valid.
    pub expires_in: Duration,
}

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccessToken(..)")
    }
}

/// Not a valid access token. Nothing says why: whoever sent it learns nothing from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the access token is not valid")]
pub struct InvalidToken;

/// Issues access tokens and verifies them.
#[derive(Debug, Clone)]
pub struct AccessTokens {
    key: Arc<SigningKey>,
    settings: Settings,
}

impl AccessTokens {
    /// Issues tokens with `key`.
    ///
    /// # Errors
    /// What `key` signs does not verify with what is published of it.
    pub fn new(key: SigningKey, settings: Settings) -> Result<Self, KeyError> {
        let tokens = Self { key: Arc::new(key), settings };
        let probe =
            tokens.encode(&tokens.claims_of_probe()).map_err(|_refused| KeyError::Unusable)?;
        tokens.decode(&probe).map_err(|InvalidToken| KeyError::Unusable)?;
        Ok(tokens)
    }

    /// The key that signs.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Who issues.
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// The longest that a token is valid.
    pub fn ttl(&self) -> Duration {
        self.settings.ttl
    }

    /// The public keys that verify the tokens; none with HS256.
    pub fn public_keys(&self) -> Vec<PublicKey> {
        self.key.public().into_iter().collect()
    }

    /// Issues a token for `user` in `session`, which it does not outlive.
    ///
    /// # Errors
    /// The library's own.
    pub fn issue(
        &self,
        user: &User,
        session: &Session,
        now: Timestamp,
    ) -> Result<AccessToken, jsonwebtoken::errors::Error> {
        let claims = Claims {
            iss: self.settings.issuer.clone(),
            sub: user.id,
            aud: session.audience.clone(),
            exp: now.plus(self.settings.ttl).min(session.ends_at()).unix_seconds(),
            iat: now.unix_seconds(),
            jti: Uuid::now_v7(),
            client_id: session.audience.clone(),
            sid: session.id,
            amr: session.methods.iter().map(|method| method.as_str().to_owned()).collect(),
            auth_time: session.created_at.unix_seconds(),
            preferred_username: user.username.clone(),
            roles: user.roles.clone(),
        };
        let expires_in = u64::try_from(claims.exp - claims.iat).unwrap_or(0);
        Ok(AccessToken { jwt: self.encode(&claims)?, expires_in: Duration::from_secs(expires_in) })
    }

    /// Verifies a token that is for one of `audiences`.
    ///
    /// # Errors
    /// [`InvalidToken`] for everything that this service did not issue for it, and for what has expired.
    pub fn verify(
        &self,
        jwt: &str,
        audiences: &[String],
        now: Timestamp,
    ) -> Result<Claims, InvalidToken> {
        let claims = self.decode(jwt)?;
        let now = now.unix_seconds();
        let current = claims.iat <= now && now < claims.exp;
        let ours = claims.iss == self.settings.issuer && audiences.contains(&claims.aud);
        if current && ours { Ok(claims) } else { Err(InvalidToken) }
    }

    fn encode(&self, claims: &Claims) -> Result<String, jsonwebtoken::errors::Error> {
        let mut header = Header::new(self.key.algorithm.jws());
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(self.key.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.key.encoding)
    }

    /// Checks the header, the signature and the claims' types. The algorithm and the key are ours, whatever the header
    /// names; `jku`, `jwk` and `x5u` are never read. jsonwebtoken checks neither `typ` nor `crit`.
    fn decode(&self, jwt: &str) -> Result<Claims, InvalidToken> {
        let header = jsonwebtoken::decode_header(jwt).map_err(|_malformed| InvalidToken)?;
        let ours = header.kid.as_deref() == Some(self.key.kid()) && header.crit.is_none();
        if !ours || header.typ.as_deref() != Some(TYPE) {
            return Err(InvalidToken);
        }
        let mut rules = Validation::new(self.key.algorithm.jws());
        // The claims are checked by `verify`, against a time that is passed in and with no leeway.
        (rules.validate_exp, rules.validate_aud) = (false, false);
        let token = jsonwebtoken::decode::<Claims>(jwt, &self.key.decoding, &rules);
        token.map(|token| token.claims).map_err(|_refused| InvalidToken)
    }

    fn claims_of_probe(&self) -> Claims {
        Claims {
            iss: self.settings.issuer.clone(),
            sub: Uuid::nil(),
            aud: String::new(),
            exp: 0,
            iat: 0,
            jti: Uuid::nil(),
            client_id: String::new(),
            sid: Uuid::nil(),
            amr: vec![AuthMethod::Password.as_str().to_owned()],
            auth_time: 0,
            preferred_username: String::new(),
            roles: Vec::new(),
        }
    }
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod access_tests;
