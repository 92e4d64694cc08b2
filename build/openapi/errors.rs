//! The codes and reasons of errors, with examples of their texts.

use super::Result;

/// A code of google.rpc, and the HTTP status that goes with it (google/rpc/code.proto).
pub(super) struct Code {
    pub(super) name: &'static str,
    pub(super) number: i32,
    pub(super) status: u16,
}

const fn code(name: &'static str, number: i32, status: u16) -> Code {
    Code { name, number, status }
}

const CODES: [Code; 12] = [
    code("INVALID_ARGUMENT", 3, 400),
    code("FAILED_PRECONDITION", 9, 400),
    code("UNAUTHENTICATED", 16, 401),
    code("PERMISSION_DENIED", 7, 403),
    code("NOT_FOUND", 5, 404),
    code("ALREADY_EXISTS", 6, 409),
    code("ABORTED", 10, 409),
    code("RESOURCE_EXHAUSTED", 8, 429),
    code("INTERNAL", 13, 500),
    code("UNIMPLEMENTED", 12, 501),
    code("UNAVAILABLE", 14, 503),
    code("DEADLINE_EXCEEDED", 4, 504),
];

/// A reason, with an example of the text and of the details beside it. The texts are those of `src/edge/refusal.rs`; a test compares
/// them.
pub(super) struct Reason {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    pub(super) detail: Detail,
}

/// The detail of an error beside ErrorInfo and RequestInfo.
pub(super) enum Detail {
    Nothing,
    /// BadRequest, with this field; the problem is the error's text.
    Field(&'static str),
    /// A member of `ErrorInfo.metadata`.
    Metadata(&'static str, &'static str),
    /// RetryInfo, in seconds.
    Retry(u32),
}

const fn reason(name: &'static str, detail: Detail, text: &'static str) -> Reason {
    Reason { name, text, detail }
}

#[rustfmt::skip]
const REASONS: [Reason; 32] = [
    reason("INVALID_FIELD", Detail::Field("username"), "must be there"),
    reason("INVALID_CREDENTIALS", Detail::Nothing, "the username or the password is not right"),
    reason("CHALLENGE_INVALID", Detail::Nothing, "the challenge or the code is not valid"),
    reason("CHALLENGE_EXHAUSTED", Detail::Nothing, "there are no attempts left: begin again"),
    reason("FACTOR_UNAVAILABLE", Detail::Nothing, "no code is sent for this challenge: answer it with one of its factors"),
    reason("EMAIL_LOGIN_OFF", Detail::Nothing, "logins by a mailed code are turned off here: log in with the password"),
    reason("TWO_FACTOR_OFF", Detail::Nothing, "two-factor login is off: turn it on first"),
    reason("EMAIL_UNVERIFIED", Detail::Nothing, "the address is not verified, and may be somebody else's: verify it first (an authenticator app can be enrolled before that)"),
    reason("EMAIL_VERIFIED", Detail::Nothing, "the e-mail address is verified: it needs no code, and the account is not ended by one"),
    reason("REAUTHENTICATION_REQUIRED", Detail::Nothing, "send second_factor, or log in again"),
    reason("TOKEN_INVALID", Detail::Nothing, "the token is not valid"),
    reason("REFRESH_REUSED", Detail::Nothing, "the refresh token was used before: the session is over, log in again"),
    reason("PERMISSION_MISSING", Detail::Metadata("permission", "admin"), "the caller lacks a permission: the policy of callers (COUNTERSIGN_CALLERS), a scope of its account, or the role of a user must give it"),
    reason("NOT_GRANTED", Detail::Metadata("not_granted", "scope"), "the service account is not granted a scope that it asks for"),
    reason("SUBJECT_TOKEN_INVALID", Detail::Nothing, "subject_token must be a user's own access token that is valid, and was not exchanged"),
    reason("KEYS_UNAVAILABLE", Detail::Retry(1), "the keys of the assertion cannot be fetched now: try again in a while"),
    reason("USERNAME_TAKEN", Detail::Field("username"), "the username is taken"),
    reason("EMAIL_TAKEN", Detail::Field("email"), "the e-mail address is taken"),
    reason("USER_NOT_FOUND", Detail::Nothing, "there is no such user"),
    reason("ETAG_MISMATCH", Detail::Nothing, "the user has changed since the etag was read: read again, and decide anew"),
    reason("LAST_ADMINISTRATOR", Detail::Nothing, r#"no user who may log in would be left with the role "admin": give it to another one first"#),
    reason("REQUEST_ID_REUSED", Detail::Nothing, "the request id was used for another change, or another user: draw a new one for each request"),
    reason("TOO_MANY_SUBSCRIPTIONS", Detail::Nothing, "there are 20 subscriptions: delete one first"),
    reason("PASSKEYS_OFF", Detail::Nothing, "the service has no passkeys: its operator turns them on (COUNTERSIGN_WEBAUTHN_RP_ID)"),
    reason("PASSKEY_TAKEN", Detail::Nothing, "the passkey is registered already"),
    reason("PASSKEY_NOT_FOUND", Detail::Nothing, "the user has no such passkey"),
    reason("TOO_MANY_PASSKEYS", Detail::Nothing, "there are 20 passkeys: delete one first"),
    reason("THROTTLED", Detail::Retry(30), "too early or too often: try again later"),
    reason("OVERLOADED", Detail::Retry(1), "too busy: try again later"),
    reason("STORE_UNAVAILABLE", Detail::Retry(1), "the service is not available for a moment: try again"),
    reason("DEADLINE_EXCEEDED", Detail::Nothing, "the deadline has passed"),
    reason("INTERNAL", Detail::Nothing, "internal error"),
];

/// A reason that is none of these, if there is one: no comment names it.
pub(super) fn unused(named: &[&str]) -> Option<&'static str> {
    REASONS.iter().map(|reason| reason.name).find(|reason| !named.contains(reason))
}

/// The code of that name.
pub(super) fn code_of(name: &str) -> Result<&'static Code> {
    CODES.iter().find(|code| code.name == name).ok_or_else(|| format!("there is no code {name}"))
}

/// The reason of that name.
pub(super) fn reason_of(name: &str) -> Result<&'static Reason> {
    let reason = REASONS.iter().find(|reason| reason.name == name);
    reason.ok_or_else(|| format!("build/openapi/errors.rs has no reason {name}"))
}
