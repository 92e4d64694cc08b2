//! The settings of `ext_authz`, a part of the one table in `settings`.

use super::setting::{
    DefaultValue::{Absent, Value},
    Setting, plain,
};

/// All of them, in the order in which they are documented.
pub(super) const ALL: &[Setting] =
    &[AUTHZ_RULES, AUTHZ_COOKIE, AUTHZ_REVOCATIONS_WITHIN, AUTHZ_WHEN_BEHIND];

pub(super) const AUTHZ_RULES: Setting = plain(
    "COUNTERSIGN_AUTHZ_RULES",
    Absent,
    "file (JSON) with the rules by which Envoy's requests are decided; read again when it changes; without it there is no ext_authz",
);
pub(super) const AUTHZ_COOKIE: Setting = plain(
    "COUNTERSIGN_AUTHZ_COOKIE",
    Absent,
    "a cookie that may hold the access token, where a request has no authorization",
);
pub(super) const AUTHZ_REVOCATIONS_WITHIN: Setting = plain(
    "COUNTERSIGN_AUTHZ_REVOCATIONS_WITHIN",
    Value("5s"),
    "how long ago the revocations may have been read, 1s to 1h; a token's own lifetime is the longest that makes sense",
);
pub(super) const AUTHZ_WHEN_BEHIND: Setting = plain(
    "COUNTERSIGN_AUTHZ_WHEN_BEHIND",
    Value("refuse"),
    "what becomes of good tokens once that was longer ago, as the database is away: refuse or allow",
);
