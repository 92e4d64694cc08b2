//! Errors as callers see them, in any transport: a canonical code, a reason to branch on, a fixed text, hints.
//!
//! Each transport converts a [`Refusal`] into its own form: `grpc/status.rs` makes a status of it.

use std::{
    borrow::Cow,
    error::Error as StdError,
    time::{Duration, Instant},
};

use super::Code;
use crate::{
    domain::InvalidField,
    service::{AdminError, Error, PasskeyError, ServiceError},
    store,
    telemetry::{Seldom, chain},
};

/// The retry hint while the database is unavailable.
const STORE_RETRY_AFTER: Duration = Duration::from_secs(1);

const NAME_TAKEN: &str = "the username is taken";

/// Why a call was refused, as far as its caller may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    /// `ErrorInfo.reason`. Its meaning never changes.
    pub(crate) reason: &'static str,
    /// The text for people; `None` if the fields have it.
    text: Option<Cow<'static, str>>,
    /// The variable parts of the text, beside those of the fields.
    pub(crate) metadata: Vec<(&'static str, String)>,
    /// The fields that are bad.
    pub(crate) fields: Vec<InvalidField>,
    /// How long to wait before trying again.
    pub(crate) retry_after: Option<Duration>,
}

const RECOVERY_CODE_NEEDED: &str = "the second factor goes to the same mailbox: give a recovery code, or ask the operator; \
    an account that never verified the address can be ended (end_unverified_account)";
const NO_CODE_IS_SENT: &str =
    "no code is sent for this challenge: answer it with one of its factors";
const EMAIL_LOGIN_OFF: &str =
    "logins by a mailed code are turned off here: log in with the password";
const ONLY_THE_MAILBOX: &str =
    "the second factor goes to the same mailbox: log in with the password";
const CODES_USED_UP: &str = "too many codes of this kind were wrong: use a recovery code, a device that has logged in before, \
    or reset the password";

/// The only place where errors of the use cases become answers to callers, and where the server's own are logged.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidFields(fields) => Self::invalid_fields(fields),
            Error::InvalidCredentials => {
                unauthenticated("INVALID_CREDENTIALS", "the username or the password is not right")
            }
            Error::ChallengeInvalid => {
                unauthenticated("CHALLENGE_INVALID", "the challenge or the code is not valid")
            }
            Error::ChallengeExhausted => {
                unmet("CHALLENGE_EXHAUSTED", "there are no attempts left: begin again")
            }
            Error::RecoveryCodeNeeded => unmet("FACTOR_UNAVAILABLE", RECOVERY_CODE_NEEDED),
            Error::FactorUnavailable => unmet("FACTOR_UNAVAILABLE", NO_CODE_IS_SENT),
            Error::EmailLoginOff => unmet("EMAIL_LOGIN_OFF", EMAIL_LOGIN_OFF),
            Error::NoOtherFactor => unmet("FACTOR_UNAVAILABLE", ONLY_THE_MAILBOX),
            Error::CodesUsedUp => unmet("FACTOR_UNAVAILABLE", CODES_USED_UP),
            Error::TwoFactorOff => {
                unmet("TWO_FACTOR_OFF", "two-factor login is off: turn it on first")
            }
            Error::EmailUnverified => unmet(
                "EMAIL_UNVERIFIED",
                "the address is not verified, and may be somebody else's: verify it first (an authenticator app can be enrolled before that)",
            ),
            Error::LoginAgainNeeded => reauthenticate("log in again with the second factor"),
            Error::FreshProofNeeded => reauthenticate("send second_factor, or log in again"),
            Error::EmailVerified => unmet(
                "EMAIL_VERIFIED",
                "the e-mail address is verified: it needs no code, and the account is not ended by one",
            ),
            Error::TokenInvalid => unauthenticated("TOKEN_INVALID", "the token is not valid"),
            Error::RefreshReused => unauthenticated(
                "REFRESH_REUSED",
                "the refresh token was used before: the session is over, log in again",
            ),
            Error::Service(error) => of_services(error),
            Error::Admin(error) => of_administrators(error),
            Error::Passkey(error) => of_passkeys(error),
            Error::PermissionMissing(permission) => denied(
                "PERMISSION_MISSING",
                "the caller lacks a permission: the policy of callers (COUNTERSIGN_CALLERS), a scope of its account, or the role of a user must give it",
                ("permission", permission.as_str()),
            ),
            Error::UsernameTaken => taken("username", "USERNAME_TAKEN", NAME_TAKEN),
            Error::NewUsernameTaken => taken("new_username", "USERNAME_TAKEN", NAME_TAKEN),
            Error::FormerEmailTaken => former_email_taken(),
            Error::EmailTaken => taken("email", "EMAIL_TAKEN", "the e-mail address is taken"),
            Error::Throttled(wait) => {
                too_much("THROTTLED", "too early or too often: try again later", wait)
            }
            Error::Overloaded(wait) => too_much("OVERLOADED", "too busy: try again later", wait),
            Error::StoreUnavailable(_) => store_unavailable(&error),
            Error::Internal(_) => Self::internal(&error),
        }
    }
}

impl Refusal {
    /// A refusal with a text, and nothing else.
    pub(crate) fn new(code: Code, reason: &'static str, text: &'static str) -> Self {
        let text = Some(Cow::Borrowed(text));
        Self { code, reason, text, metadata: Vec::new(), fields: Vec::new(), retry_after: None }
    }

    fn after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    fn invalid_fields(fields: Vec<InvalidField>) -> Self {
        let (code, reason) = (Code::InvalidArgument, "INVALID_FIELD");
        Self { code, reason, text: None, metadata: Vec::new(), fields, retry_after: None }
    }

    /// The same refusal in a call that is no login: a wrong password or code there is no sign that the session is over.
    /// Clients' interceptors log out at UNAUTHENTICATED.
    pub(crate) fn beside_a_login(self) -> Self {
        let is_about_a_proof = ["INVALID_CREDENTIALS", "CHALLENGE_INVALID"].contains(&self.reason);
        if is_about_a_proof { Self { code: Code::PermissionDenied, ..self } } else { self }
    }

    /// No such RPC.
    pub(crate) fn unknown_rpc() -> Self {
        Self::new(Code::Unimplemented, "UNIMPLEMENTED", "there is no such RPC")
    }

    /// The caller's deadline, or the server's own, has passed.
    pub(crate) fn deadline_exceeded() -> Self {
        Self::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", "the deadline has passed")
    }

    /// A defect: the cause goes to the log, not to the caller.
    pub(crate) fn internal(error: &(dyn StdError + 'static)) -> Self {
        let Failed { operation, sqlstate } = Failed::of(error);
        let sqlstate = sqlstate.as_deref();
        tracing::error!(operation, sqlstate, error = %chain(error), "internal error");
        Self::new(Code::Internal, "INTERNAL", "internal error")
    }

    /// `ErrorInfo.metadata`: all that is variable in the text (AIP-193). The parts of a field have its name before theirs.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (String, String)> {
        let own = self.metadata.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let names: Vec<_> = self.fields.iter().map(|bad| bad.field.as_ref()).collect();
        let names = (!names.is_empty()).then(|| ("fields".to_owned(), names.join(",")));
        let of_fields = self.fields.iter().filter_map(|bad| {
            let (name, value) = bad.variable.as_ref()?;
            Some((format!("{}_{name}", bad.field.replace('.', "_")), value.clone()))
        });
        own.chain(names).chain(of_fields)
    }

    /// The text for people.
    pub(crate) fn text(&self) -> Cow<'static, str> {
        let said_by_fields = || {
            let fields: Vec<_> = self.fields.iter().map(ToString::to_string).collect();
            fields.join("; ")
        };
        self.text.clone().unwrap_or_else(|| said_by_fields().into())
    }
}

/// While the store is unavailable every call fails, and readiness reports it: a line for each would add nothing. One
/// limit for the process, as its log.
static AWAY: Seldom = Seldom::every(Duration::from_secs(10));

/// The database is unavailable: the server's fault, and usually short.
fn store_unavailable(error: &Error) -> Refusal {
    let Failed { operation, sqlstate } = Failed::of(error);
    let (error, sqlstate) = (chain(error), sqlstate.as_deref());
    match AWAY.passes(Instant::now()) {
        Some(not_told) => {
            tracing::warn!(operation, sqlstate, %error, not_told, "store unavailable");
        }
        None => tracing::debug!(operation, sqlstate, %error, "store unavailable"),
    }
    let text = "the service is not available for a moment: try again";
    Refusal::new(Code::Unavailable, "STORE_UNAVAILABLE", text).after(STORE_RETRY_AFTER)
}

/// The failed operation of the store, and the database's error code, if it sent one.
#[derive(Default)]
struct Failed<'a> {
    operation: Option<&'static str>,
    sqlstate: Option<Cow<'a, str>>,
}

impl<'a> Failed<'a> {
    fn of(error: &'a (dyn StdError + 'static)) -> Self {
        std::iter::successors(Some(error), |&error| error.source())
            .find_map(|error| error.downcast_ref::<store::Error>())
            .map(|error| Self { operation: error.operation(), sqlstate: error.sqlstate() })
            .unwrap_or_default()
    }
}

/// Errors of service accounts.
fn of_services(error: ServiceError) -> Refusal {
    match error {
        ServiceError::ProofInvalid(why) => Refusal {
            metadata: vec![("problem", why.to_string())],
            text: Some(why),
            ..unauthenticated("INVALID_CREDENTIALS", "the service's proof is not valid")
        },
        ServiceError::KeysUnavailable => Refusal::new(
            Code::Unavailable,
            "KEYS_UNAVAILABLE",
            "the keys of the assertion cannot be fetched now: try again in a while",
        )
        .after(STORE_RETRY_AFTER),
        ServiceError::NotGranted(what) => denied(
            "NOT_GRANTED",
            match what {
                "scope" => "the service account is not granted a scope that it asks for",
                "audience" => "the service account is not granted the audience that it asks for",
                "token" => "the token is another service's",
                _ => {
                    "the service account may not act for users (service-account set --may-exchange)"
                }
            },
            ("not_granted", what),
        ),
        ServiceError::SubjectTokenInvalid => unmet(
            "SUBJECT_TOKEN_INVALID",
            "subject_token must be a user's own access token that is valid, and was not exchanged",
        ),
        ServiceError::TokenTypeUnsupported => unmet(
            "TOKEN_TYPE_UNSUPPORTED",
            "a user's access token ends with its session: revoke the refresh token, or the session",
        ),
    }
}

/// Errors of administrators' requests.
fn of_administrators(error: AdminError) -> Refusal {
    match error {
        AdminError::UserNotFound => {
            Refusal::new(Code::NotFound, "USER_NOT_FOUND", "there is no such user")
        }
        AdminError::EtagMismatch => Refusal::new(
            Code::Aborted,
            "ETAG_MISMATCH",
            "the user has changed since the etag was read: read again, and decide anew",
        ),
        AdminError::LastAdministrator => unmet(
            "LAST_ADMINISTRATOR",
            "no user who may log in would be left with the role \"admin\": give it to another one first",
        ),
        AdminError::RequestIdReused => unmet(
            "REQUEST_ID_REUSED",
            "the request id was used for another change, or another user: draw a new one for each request",
        ),
        AdminError::TooManySubscriptions => {
            unmet("TOO_MANY_SUBSCRIPTIONS", "there are 20 subscriptions: delete one first")
        }
    }
}

/// Errors of requests about passkeys.
fn of_passkeys(error: PasskeyError) -> Refusal {
    match error {
        PasskeyError::Off => unmet(
            "PASSKEYS_OFF",
            "the service has no passkeys: its operator turns them on (COUNTERSIGN_WEBAUTHN_RP_ID)",
        ),
        PasskeyError::Taken => {
            let text = "the passkey is registered already";
            Refusal::new(Code::AlreadyExists, "PASSKEY_TAKEN", text)
        }
        PasskeyError::TooMany => {
            unmet("TOO_MANY_PASSKEYS", "there are 20 passkeys: delete one first")
        }
        PasskeyError::NotFound => {
            Refusal::new(Code::NotFound, "PASSKEY_NOT_FOUND", "the user has no such passkey")
        }
    }
}

/// The caller is not authenticated.
fn unauthenticated(reason: &'static str, text: &'static str) -> Refusal {
    Refusal::new(Code::Unauthenticated, reason, text)
}

/// A precondition is not met.
fn unmet(reason: &'static str, text: &'static str) -> Refusal {
    Refusal::new(Code::FailedPrecondition, reason, text)
}

/// The session, or its login, is not strong enough.
fn reauthenticate(text: &'static str) -> Refusal {
    unmet("REAUTHENTICATION_REQUIRED", text)
}

/// The caller is known, and may not do this.
fn denied(reason: &'static str, text: &'static str, (key, value): (&'static str, &str)) -> Refusal {
    let metadata = vec![(key, value.to_owned())];
    Refusal { metadata, ..Refusal::new(Code::PermissionDenied, reason, text) }
}

/// THROTTLED (rate limits) and OVERLOADED (load shedding): not now, for this caller or for all.
fn too_much(reason: &'static str, text: &'static str, wait: Duration) -> Refusal {
    Refusal::new(Code::ResourceExhausted, reason, text).after(wait)
}

/// Of an address that an account had before: no field names it.
fn former_email_taken() -> Refusal {
    let text = "another account has verified the former address meanwhile: ask the operator";
    Refusal::new(Code::AlreadyExists, "EMAIL_TAKEN", text)
}

fn taken(field: &'static str, reason: &'static str, text: &'static str) -> Refusal {
    let fields = vec![InvalidField::new(field, text)];
    Refusal { fields, ..Refusal::new(Code::AlreadyExists, reason, text) }
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
