//! Pure values and rules: the form of a username, the lifetime of a challenge.
//!
//! No I/O, no async, no randomness of its own and no clock: the time is passed in as `now`. A `parse` validates outside
//! input; its result needs no further check.

mod bidi;
mod challenge;
mod code_purpose;
mod context;
mod contextual;
mod crockford;
mod email;
mod event;
mod factor;
mod field;
mod fold;
mod forwarded;
mod idna;
mod invalid_field;
mod key_schedule;
mod login_name;
mod one_time_code;
mod password;
mod policy;
mod qr;
mod recovery_code;
mod request_id;
mod revocation;
mod session;
pub mod size;
mod source;
mod throttle;
mod timestamp;
mod totp;
mod trusted_proxies;
mod typed;
mod user;
mod username;
#[cfg(test)]
mod username_tests;
mod visible;

pub use challenge::{Challenge, CodePolicy};
pub use code_purpose::CodePurpose;
pub use context::{Actor, Context};
pub use email::Email;
pub use event::{Event, EventKind};
pub use factor::Factor;
pub use field::{device_name, enrollment_id, request_id, session_id};
pub use forwarded::ForwardedHeader;
pub use idna::ascii_domain;
pub use invalid_field::InvalidField;
pub use key_schedule::{KEY_SET_MAX_AGE, KeySchedule, KeyState, KeyTimes};
pub use login_name::LoginName;
pub use one_time_code::OneTimeCode;
pub use password::{Password, PasswordPolicy};
pub use policy::Policy;
pub use qr::{Error as QrError, Qr};
pub use recovery_code::RecoveryCode;
pub use request_id::RequestId;
pub use revocation::{Revocation, Revoked};
pub use session::{AuthMethod, Session};
pub use source::{Source, SourceRate};
pub use throttle::{Charged, FREE_ATTEMPTS, MAX_FAILURES_IN_A_ROW, Throttle, ThrottleRule};
pub use timestamp::{CLOCK_SKEW, Timestamp};
pub use totp::{MOST_STEPS_AHEAD, TotpSecret, last_step_at};
pub use trusted_proxies::TrustedProxies;
pub use user::User;
pub use username::Username;
