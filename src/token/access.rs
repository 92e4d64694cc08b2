//! Access tokens: issues them, and verifies them as RFC 8725 and RFC 9068 (section 4) ask.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::{Header, Validation};
use serde::Serialize;
use tokio::sync::watch;
use uuid::Uuid;

use super::{Claims, KeyError, KeyRing, SigningKey, UserClaims};
use crate::domain::{Assurance, CLOCK_SKEW, Session, Timestamp, TokenIds, User};

/// The header's `typ` (RFC 9068, section 2.1): no other kind of JWT is an access token.
const TYPE: &str = "at+jwt";

/// Upper bound of a configured lifetime of access tokens.
pub const LONGEST_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// Backdating of `iat`. Most verifiers allow no clock skew by default and refuse a token issued a second ahead of their
/// clock (RFC 7519, section 4.1.6 leaves that to them).
pub(super) const ISSUED_EARLIER: Duration = Duration::from_secs(5);

/// Settings of access tokens.
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
    /// Its lifetime.
    pub expires_in: Duration,
    /// The claim `exp`.
    pub expires_at: Timestamp,
}

impl AccessToken {
    /// A token with that claim `exp`, issued now.
    pub(super) fn of(jwt: String, exp: i64, now: Timestamp) -> Self {
        let expires_in = u64::try_from(exp - now.unix_seconds()).unwrap_or(0);
        let expires_at = Timestamp::from_unix_micros(exp.saturating_mul(1_000_000));
        Self { jwt, expires_in: Duration::from_secs(expires_in), expires_at }
    }
}

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccessToken(..)")
    }
}

/// The access token is invalid. It gives no reason, so that an attacker learns nothing from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the access token is not valid")]
pub struct InvalidToken;

/// Issues access tokens and verifies them. Clones share their keys.
#[derive(Debug, Clone)]
pub struct AccessTokens {
    ring: watch::Sender<Arc<KeyRing>>,
    settings: Settings,
}

impl AccessTokens {
    /// Issues tokens with the keys of `ring`.
    pub fn new(ring: KeyRing, settings: Settings) -> Self {
        Self { ring: watch::Sender::new(Arc::new(ring)), settings }
    }

    /// The current keys.
    pub fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.ring.borrow())
    }

    /// Switches to another key ring.
    pub fn replace(&self, ring: KeyRing) {
        self.ring.send_replace(Arc::new(ring));
    }

    /// The issuer.
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// The longest lifetime of a token.
    pub fn ttl(&self) -> Duration {
        self.settings.ttl
    }

    /// Issues a token for `user` in `session`, which it does not outlive.
    ///
    /// # Errors
    /// There is no signing key, or it fails.
    pub fn issue(
        &self,
        user: &User,
        session: &Session,
        now: Timestamp,
    ) -> Result<AccessToken, KeyError> {
        let ring = self.ring();
        let key = ring.signer(now).ok_or(KeyError::Missing)?;
        let expires_at = now.plus(self.settings.ttl).min(session.ends_at());
        let stated = |time: Timestamp| time.minus(ISSUED_EARLIER).unix_seconds();
        let claims = UserClaims {
            iss: self.settings.issuer.clone(),
            sub: user.id,
            aud: session.audience.clone(),
            exp: expires_at.unix_seconds(),
            iat: stated(now),
            jti: Uuid::now_v7(),
            client_id: session.audience.clone(),
            sid: session.id,
            amr: session.methods.iter().map(|method| method.as_str().to_owned()).collect(),
            acr: Assurance::of(&session.methods).as_str().to_owned(),
            // A login never follows the issue of its token, even if a clock was ahead.
            auth_time: stated(session.authenticated_at().min(now)),
            preferred_username: user.username.clone(),
            roles: user.roles.clone(),
            session_epoch: session.epoch,
            scope: String::new(),
            act: None,
            service_epoch: 0,
        };
        let jwt =
            encode(key, &WithCustomClaims { claims: &claims, custom: user.claims.members() })?;
        Ok(AccessToken::of(jwt, claims.exp, now))
    }

    /// Verifies a token that is for one of `audiences`.
    ///
    /// # Errors
    /// [`InvalidToken`] for every token that this service did not issue for the audience, and for expired ones.
    pub fn verify(
        &self,
        jwt: &str,
        audiences: &[String],
        now: Timestamp,
    ) -> Result<SignedToken, InvalidToken> {
        let token = decode(&self.ring(), jwt, now)?;
        if self.accepts(&token, audiences, now) { Ok(token) } else { Err(InvalidToken) }
    }

    /// Whether the token lives longer than these settings allow, and so perhaps than a revocation of it: it was issued by others.
    pub fn may_outlive_its_revocation(&self, token: &SignedToken) -> bool {
        let stated = token.claims.common();
        let longest = (self.settings.ttl + ISSUED_EARLIER).as_secs();
        stated.exp.saturating_sub(stated.iat) > i64::try_from(longest).unwrap_or(i64::MAX)
    }

    /// Whether a token with a verified signature is still good, but for revocations: its key is published, and it is for one of
    /// `audiences` and not expired.
    pub fn accepts(&self, token: &SignedToken, audiences: &[String], now: Timestamp) -> bool {
        // Clock skew: another replica may have issued it, whose clock is ahead.
        let stated = token.claims.common();
        let begun = stated.iat <= now.plus(CLOCK_SKEW).unix_seconds();
        let current = begun && now.unix_seconds() < stated.exp;
        let is_for = audiences.iter().any(|audience| audience == stated.aud);
        let ours = stated.iss == self.settings.issuer && is_for;
        current && ours && self.ring.borrow().verifier(&token.kid, now).is_some()
    }
}

/// A token with a verified signature. All of it stays true; whether it is good now, `AccessTokens::accepts` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedToken {
    /// What it says.
    pub claims: Claims,
    /// What revocations may name.
    pub ids: TokenIds,
    kid: String,
}

impl SignedToken {
    /// The claim `iat`, in seconds since 1970.
    pub fn issued_at(&self) -> i64 {
        self.claims.common().iat
    }
}

/// Claims with those of the account beside them, whose names are others (`JsonObject::parse_claims`).
#[derive(Serialize)]
struct WithCustomClaims<'a> {
    #[serde(flatten)]
    claims: &'a UserClaims,
    #[serde(flatten)]
    custom: &'a serde_json::Map<String, serde_json::Value>,
}

pub(super) fn encode(key: &SigningKey, claims: &impl Serialize) -> Result<String, KeyError> {
    let mut header = Header::new(key.algorithm.jws());
    header.typ = Some(TYPE.to_owned());
    header.kid = Some(key.kid.clone());
    let mut jwt = part(&header)?;
    jwt.push('.');
    jwt.push_str(&part(claims)?);
    let signature = key.sign(jwt.as_bytes())?;
    jwt.push('.');
    BASE64.encode_string(signature, &mut jwt);
    Ok(jwt)
}

/// A part of a JWT (RFC 7515, section 3.1).
fn part(json: &impl Serialize) -> Result<String, KeyError> {
    let json = serde_json::to_vec(json).map_err(|_unwritable| KeyError::Unusable)?;
    Ok(BASE64.encode(json))
}

/// Checks the header, the signature and the claims' types. The algorithm and the key are ours, whatever the header names:
/// its `kid` only selects a published key; `jku`, `jwk` and `x5u` are never read. jsonwebtoken checks neither `typ` nor
/// `crit`.
fn decode(ring: &KeyRing, jwt: &str, now: Timestamp) -> Result<SignedToken, InvalidToken> {
    let header = jsonwebtoken::decode_header(jwt).map_err(|_malformed| InvalidToken)?;
    if header.crit.is_some() || header.typ.as_deref() != Some(TYPE) {
        return Err(InvalidToken);
    }
    let kid = header.kid.ok_or(InvalidToken)?;
    let key = ring.verifier(&kid, now).ok_or(InvalidToken)?;
    let mut rules = Validation::new(key.algorithm.jws());
    // The claims are checked by `verify`, against a time that is passed in and with no leeway.
    (rules.validate_exp, rules.validate_aud) = (false, false);
    let token = jsonwebtoken::decode::<Claims>(jwt, &key.decoding, &rules);
    let claims = token.map_err(|_refused| InvalidToken)?.claims;
    Ok(SignedToken { ids: claims.ids(&kid), claims, kid })
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod access_tests;
