//! The claims of an access token (RFC 9068, section 2.2).

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::domain::{ServiceAccountId, SessionIds, TokenIds};

/// The claims of an access token. Nothing of one kind is valid as the other: ids of users and of service accounts have
/// different forms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Claims {
    /// Of a user's token.
    User(Box<UserClaims>),
    /// Of a service's token.
    Service(ServiceClaims),
}

/// The claims of a user's token. All but the last five are in every one, each of its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserClaims {
    /// The issuer.
    pub iss: String,
    /// The user's id, with dashes: without them it is that of a service account.
    #[serde(with = "uuid::serde::hyphenated")]
    pub sub: Uuid,
    /// The audience.
    pub aud: String,
    /// Expiry, in seconds since 1970.
    pub exp: i64,
    /// Time of issue, in seconds since 1970, stated five seconds early.
    pub iat: i64,
    /// Its own id.
    pub jti: Uuid,
    /// The application that the login was for. There is no register of applications, so it equals the audience. Of an
    /// exchanged token it is the service account.
    pub client_id: String,
    /// The session's id.
    pub sid: Uuid,
    /// Authentication methods (RFC 8176).
    pub amr: Vec<String>,
    /// Authentication context class (RFC 9068, section 2.2.1): `domain::Assurance`. Empty in tokens of a release that knew none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub acr: String,
    /// Time of authentication, in seconds since 1970, stated five seconds early.
    pub auth_time: i64,
    /// The username as it was typed.
    pub preferred_username: String,
    /// The user's roles. Left out where there are none: Authlib's RFC 9068 validator refuses every token with an empty list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// The epoch of the session: ending all of a user's sessions voids the tokens of earlier ones. It is left out while it is
    /// 0, as in tokens of a release that knew no epochs.
    #[serde(default, skip_serializing_if = "is_first")]
    pub session_epoch: i64,
    /// The scopes of an exchanged token. A user's own token is not limited by scopes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// The service that acts for the user (RFC 8693, section 4.1); only of an exchanged token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<ActingParty>,
    /// The epoch of that service account.
    #[serde(default, skip_serializing_if = "is_first")]
    pub service_epoch: i64,
}

/// The service that acts for a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActingParty {
    /// The service account.
    #[serde(with = "self::account_id")]
    pub sub: ServiceAccountId,
}

/// The claims of a service's token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceClaims {
    /// The issuer.
    pub iss: String,
    /// The service account.
    #[serde(with = "self::account_id")]
    pub sub: ServiceAccountId,
    /// The audience.
    pub aud: String,
    /// Expiry, in seconds since 1970.
    pub exp: i64,
    /// Time of issue, in seconds since 1970, stated five seconds early.
    pub iat: i64,
    /// Its own id.
    pub jti: Uuid,
    /// The service account again (RFC 9068, section 2.2).
    #[serde(with = "self::account_id")]
    pub client_id: ServiceAccountId,
    /// The scopes, with spaces between; left out where there are none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// The epoch of the account: ending all of its tokens voids those of earlier ones.
    #[serde(default, skip_serializing_if = "is_first")]
    pub service_epoch: i64,
}

/// The claims that every token has, and that are checked in every token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Common<'a> {
    pub(super) iss: &'a str,
    pub(super) aud: &'a str,
    pub(super) exp: i64,
    pub(super) iat: i64,
}

impl Claims {
    /// What revocations may name of a token with these claims and that `kid` in its header. A configured secret is not
    /// withdrawn: it has no such id.
    pub(super) fn ids(&self, kid: &str) -> TokenIds {
        let key = kid.parse().ok();
        match self {
            Self::User(of) => {
                let (id, user_id, epoch) = (of.sid, of.sub, of.session_epoch);
                let session = Some(SessionIds { id, user_id, epoch });
                let service = of.act.as_ref().map(|service| (service.sub, of.service_epoch));
                TokenIds { token: Some(of.jti), key, session, service }
            }
            Self::Service(of) => {
                let service = Some((of.sub, of.service_epoch));
                TokenIds { token: Some(of.jti), key, session: None, service }
            }
        }
    }

    pub(super) fn common(&self) -> Common<'_> {
        match self {
            Self::User(of) => Common { iss: &of.iss, aud: &of.aud, exp: of.exp, iat: of.iat },
            Self::Service(of) => Common { iss: &of.iss, aud: &of.aud, exp: of.exp, iat: of.iat },
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_first(epoch: &i64) -> bool {
    *epoch == 0
}

/// The id of a service account as a claim.
mod account_id {
    use super::{Deserialize as _, Deserializer, Serializer, ServiceAccountId};

    pub(super) fn serialize<S: Serializer>(
        id: &ServiceAccountId,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<ServiceAccountId, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || super::wrong_id::<D::Error>();
        ServiceAccountId::parse(&text).ok_or_else(wrong)
    }
}

fn wrong_id<E: serde::de::Error>() -> E {
    E::custom("not the id of a service account")
}
