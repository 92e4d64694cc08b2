//! The settings of passkeys, a part of the one table in `settings`.

use super::setting::{
    DefaultValue::{Absent, Computed, InDevelopment, Value},
    Setting, plain,
};

/// All of them, in the order in which they are documented.
pub(super) const ALL: &[Setting] =
    &[RP_ID, RP_NAME, ORIGINS, RELATED_ORIGINS, USER_VERIFICATION, TIMEOUT, ENROLL_URL, MANAGE_URL];

pub(super) const RP_ID: Setting = plain(
    "COUNTERSIGN_WEBAUTHN_RP_ID",
    InDevelopment("localhost"),
    "the domain that passkeys are for, such as example.com, or off; another one makes all of them useless",
);
pub(super) const RP_NAME: Setting = plain(
    "COUNTERSIGN_WEBAUTHN_RP_NAME",
    Value("Countersign"),
    "the name that browsers show with it; 1 to 64 bytes",
);
pub(super) const ORIGINS: Setting = plain(
    "COUNTERSIGN_WEBAUTHN_ORIGINS",
    Computed("https:// and the domain; of localhost, where HTTP listens"),
    "where passkeys may be asked for: https://app.example.com, android:apk-key-hash:…, with commas between",
);
pub(super) const RELATED_ORIGINS: Setting = plain(
    "COUNTERSIGN_WEBAUTHN_RELATED_ORIGINS",
    Absent,
    "origins of other domains that share the passkeys; browsers read them in /.well-known/webauthn",
);
pub(super) const USER_VERIFICATION: Setting = plain(
    "COUNTERSIGN_WEBAUTHN_USER_VERIFICATION",
    Value("preferred"),
    "whether a second factor takes a PIN or a finger, too: required, preferred or discouraged; a login always does",
);
pub(super) const TIMEOUT: Setting = plain(
    "COUNTERSIGN_WEBAUTHN_TIMEOUT",
    Value("5m"),
    "how long a user may take to answer; 30s to 10m",
);
pub(super) const ENROLL_URL: Setting = plain(
    "COUNTERSIGN_WEBAUTHN_ENROLL_URL",
    Absent,
    "your page that adds passkeys, for /.well-known/passkey-endpoints",
);
pub(super) const MANAGE_URL: Setting = plain(
    "COUNTERSIGN_WEBAUTHN_MANAGE_URL",
    Absent,
    "your page that lists passkeys, for /.well-known/passkey-endpoints",
);
