//! The payload of an access token: JSON to [`Claims`], each claim of its type and each kind with its own claims alone.

use std::str::FromStr as _;

use serde::{Deserialize, Deserializer};
use uuid::{Uuid, fmt::Hyphenated};

use crate::{Caller, Claims, Service, ServiceAccountId, User};

/// The claims of all kinds. A claim that is there is of its type, not null: a null `act` must not make a user's own token
/// of an exchanged one. Duplicate members fail to parse; unknown ones are ignored (RFC 7519, section 4).
#[derive(Deserialize)]
pub(crate) struct Payload {
    iss: String,
    sub: String,
    #[serde(deserialize_with = "one_or_many")]
    aud: Vec<String>,
    exp: i64,
    iat: i64,
    #[serde(default, deserialize_with = "some")]
    nbf: Option<i64>,
    jti: Uuid,
    client_id: String,
    #[serde(default, deserialize_with = "some")]
    sid: Option<Uuid>,
    #[serde(default, deserialize_with = "some")]
    amr: Option<Vec<String>>,
    #[serde(default, deserialize_with = "some")]
    acr: Option<String>,
    #[serde(default, deserialize_with = "some")]
    auth_time: Option<i64>,
    #[serde(default, deserialize_with = "some")]
    preferred_username: Option<String>,
    #[serde(default, deserialize_with = "some")]
    roles: Option<Vec<String>>,
    #[serde(default, deserialize_with = "some")]
    session_epoch: Option<i64>,
    #[serde(default, deserialize_with = "some")]
    scope: Option<String>,
    #[serde(default, deserialize_with = "some")]
    act: Option<Act>,
    #[serde(default, deserialize_with = "some")]
    service_epoch: Option<i64>,
}

/// The acting party (RFC 8693, section 4.1).
#[derive(Deserialize)]
struct Act {
    sub: ServiceAccountId,
}

impl Payload {
    /// The claims, if they are those of a user's token, an exchanged one or a service's. A mixture is none of these: it may
    /// be a kind of a later release, limited by what is not known here.
    pub(crate) fn claims(self) -> Option<Claims> {
        let caller = match (&self.act, self.sid) {
            (None, Some(session_id)) => Caller::User(self.user_alone(session_id)?),
            (Some(act), Some(session_id)) => {
                let actor = self.service(act.sub)?;
                Caller::Exchanged { user: self.user(session_id)?, actor }
            }
            (None, None) => Caller::Service(self.service_alone()?),
            (Some(_), None) => return None,
        };
        let Self { iss, aud, exp, iat, nbf, jti, client_id, .. } = self;
        Some(Claims { iss, aud, exp, iat, nbf, jti, client_id, caller })
    }

    fn user_alone(&self, session_id: Uuid) -> Option<User> {
        let is_limited = self.scope.is_some() || self.service_epoch.is_some();
        if is_limited { None } else { self.user(session_id) }
    }

    fn user(&self, session_id: Uuid) -> Option<User> {
        Some(User {
            // With dashes: 32 digits are a service account's.
            id: Hyphenated::from_str(&self.sub).ok()?.into_uuid(),
            session_id,
            amr: self.amr.clone()?,
            acr: self.acr.clone(),
            auth_time: self.auth_time?,
            preferred_username: self.preferred_username.clone()?,
            roles: self.roles.clone().unwrap_or_default(),
            session_epoch: self.session_epoch.unwrap_or_default(),
        })
    }

    fn service_alone(&self) -> Option<Service> {
        let has_user = self.amr.is_some()
            || self.acr.is_some()
            || self.auth_time.is_some()
            || self.preferred_username.is_some()
            || self.roles.is_some()
            || self.session_epoch.is_some();
        if has_user { None } else { self.service(self.sub.parse().ok()?) }
    }

    /// The service that the token was issued to.
    fn service(&self, id: ServiceAccountId) -> Option<Service> {
        let is_its_own = self.client_id.parse() == Ok(id);
        is_its_own.then(|| Service {
            id,
            scope: self.scope.clone().unwrap_or_default(),
            service_epoch: self.service_epoch.unwrap_or_default(),
        })
    }
}

/// A member that may be absent, but not null.
fn some<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// `aud` is a string or a list of them (RFC 7519, section 4.1.3).
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Audience::deserialize(deserializer)? {
        Audience::One(one) => vec![one],
        Audience::Many(many) => many,
    })
}
