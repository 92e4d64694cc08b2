//! The settings of codes and accounts, a part of the one table in `settings`.

use super::setting::{DefaultValue::Value, Setting, plain};

/// All of them, in the order in which they are documented.
pub(super) const ALL: &[Setting] = &[
    OTP_TTL,
    OTP_MAX_ATTEMPTS,
    OTP_RESEND_AFTER,
    EMAIL_VERIFICATION,
    UNVERIFIED_TTL,
    REGISTER_QUIETLY,
    EMAIL_LOGIN,
    DELETION_GRACE,
    TOTP_ISSUER,
    NEW_DEVICE_NOTICE,
    TRUSTED_DEVICE_TTL,
    EVENT_RETENTION,
];

pub(super) const OTP_TTL: Setting = plain(
    "COUNTERSIGN_OTP_TTL",
    Value("5m"),
    "how long a challenge, reset or verification lives, at most 10m",
);
pub(super) const OTP_MAX_ATTEMPTS: Setting = plain(
    "COUNTERSIGN_OTP_MAX_ATTEMPTS",
    Value("5"),
    "codes that can be tried for one challenge, reset, verification or enrolment",
);
pub(super) const OTP_RESEND_AFTER: Setting =
    plain("COUNTERSIGN_OTP_RESEND_AFTER", Value("30s"), "how long until another code can be sent");
pub(super) const EMAIL_VERIFICATION: Setting = plain(
    "COUNTERSIGN_EMAIL_VERIFICATION",
    Value("off"),
    "whether Register sends a code to the address: on or off",
);
pub(super) const UNVERIFIED_TTL: Setting = plain(
    "COUNTERSIGN_UNVERIFIED_TTL",
    Value("7d"),
    "with that on: how long a new account may go without verifying its address; 1h to 1year",
);
pub(super) const REGISTER_QUIETLY: Setting = plain(
    "COUNTERSIGN_REGISTER_QUIETLY",
    Value("off"),
    "whether Register tells nobody which names and addresses are taken; needs COUNTERSIGN_EMAIL_VERIFICATION: on or off",
);
pub(super) const EMAIL_LOGIN: Setting = plain(
    "COUNTERSIGN_EMAIL_LOGIN",
    Value("off"),
    "whether users may log in by a code sent to a verified address, without the password: on or off",
);
pub(super) const DELETION_GRACE: Setting = plain(
    "COUNTERSIGN_DELETION_GRACE",
    Value("0s"),
    "how long a deletion by its user can be undone, by a code that is mailed; 0s is not at all, at most 30d",
);
pub(super) const TOTP_ISSUER: Setting = plain(
    "COUNTERSIGN_TOTP_ISSUER",
    Value("Countersign"),
    "the name beside codes in authenticator apps; no colon",
);
pub(super) const NEW_DEVICE_NOTICE: Setting = plain(
    "COUNTERSIGN_NEW_DEVICE_NOTICE",
    Value("on"),
    "whether a login without a known device_token is told, to the user and by an event: on or off",
);
pub(super) const TRUSTED_DEVICE_TTL: Setting = plain(
    "COUNTERSIGN_TRUSTED_DEVICE_TTL",
    Value("0s"),
    "how long a device that a user trusts logs in without the second factor, at most 365d; 0 turns it off",
);
pub(super) const EVENT_RETENTION: Setting = plain(
    "COUNTERSIGN_EVENT_RETENTION",
    Value("90d"),
    "how long security events are kept; 1d to 10years",
);
