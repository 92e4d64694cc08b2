//! Pure values and rules: the form of a username, the lifetime of a challenge.
//!
//! No I/O, no async, no randomness of its own and no clock: the time is passed in as `now`. A `parse` validates outside
//! input; its result needs no further check.

mod assurance;
pub mod authorization;
mod bidi;
mod caller_name;
mod callers;
mod challenge;
mod code_purpose;
mod context;
mod contextual;
mod crockford;
mod email;
mod error_domain;
mod event;
mod event_kinds;
mod factor;
mod fetch_url;
mod field;
mod first_proof;
mod fold;
mod forwarded;
mod idna;
mod invalid_field;
mod json_object;
mod key_schedule;
mod login_name;
mod loopback;
mod managed_user;
mod one_time_code;
mod origins;
mod passkey;
mod password;
mod permission;
mod personal_data;
mod policy;
mod private_networks;
mod qr;
mod recovery_code;
mod request_id;
mod revocation;
mod role;
mod scope;
mod service_account;
mod service_key;
mod session;
pub mod size;
mod source;
mod subscription;
mod throttle;
mod timestamp;
mod token_issuer;
mod totp;
mod trusted_device;
mod trusted_proxies;
mod typed;
mod undo_code;
mod user;
mod user_filter;
mod user_query;
mod username;
#[cfg(test)]
mod username_tests;
mod visible;

pub use assurance::Assurance;
pub use caller_name::CallerName;
pub use callers::Callers;
pub use challenge::{Challenge, CodePolicy};
pub use code_purpose::CodePurpose;
pub use context::{Actor, Context};
pub use email::{Email, mask};
pub use error_domain::ErrorDomain;
pub use event::{Event, EventKind};
pub use event_kinds::EventKinds;
pub use factor::Factor;
pub use fetch_url::{FetchUrl, WithoutTls};
pub use field::{
    device_name, enrollment_id, id, name, page_size, passkey_id, request_id, session_id,
};
pub use first_proof::FirstProof;
pub use forwarded::ForwardedHeader;
pub use idna::ascii_domain;
pub use invalid_field::InvalidField;
pub use json_object::JsonObject;
pub use key_schedule::{KEY_SET_MAX_AGE, KeySchedule, KeyState, KeyTimes};
pub use login_name::LoginName;
pub use loopback::is_loopback;
pub use managed_user::ManagedUser;
pub use one_time_code::OneTimeCode;
pub use origins::Origins;
pub use passkey::{MOST_PASSKEYS, Passkey};
pub use password::{Password, PasswordPolicy};
pub use permission::Permission;
pub use personal_data::{
    AuthenticatorApp, FormerEmail, MailedCode, PersonalData, RecoveryCodesLeft, StoredSession,
    WaitingMessage,
};
pub use policy::Policy;
pub use private_networks::PrivateNetworks;
pub use qr::{Error as QrError, Qr};
pub use recovery_code::RecoveryCode;
pub use request_id::RequestId;
pub use revocation::{Revocation, Revoked, SessionIds, TokenIds};
pub use role::{ADMIN, ADMIN_VIEWER, roles, roles_permit};
pub use scope::Scope;
pub use service_account::{AssertionKeys, Grants, ServiceAccount, ServiceAccountId, Workload};
pub use service_key::ServiceKeyText;
pub use session::{AuthMethod, Session};
pub use source::{Source, SourceRate};
pub use subscription::Subscription;
pub use throttle::{
    Charged, FREE_ATTEMPTS, MAX_FAILURES_IN_A_ROW, NEW_DEVICES_A_DAY, Throttle, ThrottleRule,
};
pub use timestamp::{CLOCK_SKEW, Timestamp};
pub use token_issuer::{IssuerName, KeyPlace, TokenIssuer};
pub use totp::{MOST_STEPS_AHEAD, TotpSecret, last_step_at};
pub use trusted_device::{MOST_TRUSTED_DEVICES, TrustedDevice};
pub use trusted_proxies::TrustedProxies;
pub use undo_code::UndoCode;
pub use user::User;
pub use user_filter::{ListedUser, TimeRange, UserFilter};
pub use user_query::{NameIndex, TimeIndex, UserOrder, UserPlace, UserQuery, UserScan};
pub use username::Username;
