//! The settings of tokens and sessions, a part of the one table in `settings`.

use super::setting::{
    DefaultValue::{Absent, InDevelopment, Value},
    Setting, plain, secret,
};

/// All of them, in the order in which they are documented.
pub(super) const ALL: &[Setting] = &[
    ISSUER,
    AUDIENCE,
    JWT_ALGORITHM,
    JWT_SECRET,
    KEY_ROTATION,
    KEY_LEAD,
    ACCESS_TOKEN_TTL,
    REFRESH_TOKEN_TTL,
    SESSION_IDLE_TTL,
    REFRESH_GRACE,
    SESSIONS_PER_USER,
];

pub(super) const ISSUER: Setting = plain(
    "COUNTERSIGN_ISSUER",
    InDevelopment("http://localhost:8080"),
    "the claim iss: where the HTTP side is reached",
);
pub(super) const AUDIENCE: Setting = plain(
    "COUNTERSIGN_AUDIENCE",
    Value("countersign"),
    "the claim aud; several with commas, the first is the default and AccountService's own",
);
pub(super) const JWT_ALGORITHM: Setting =
    plain("COUNTERSIGN_JWT_ALGORITHM", Value("ES256"), "ES256, EdDSA, RS256 or HS256");
pub(super) const JWT_SECRET: Setting =
    secret("COUNTERSIGN_JWT_SECRET", Absent, "with HS256: at least 32 bytes in base64");
pub(super) const KEY_ROTATION: Setting = plain(
    "COUNTERSIGN_KEY_ROTATION",
    Value("90d"),
    "how old the signing key gets before the next one is made; 1h to 10years",
);
// Within this time every verifier must have fetched a key set with the key: Istio caches one for 20 minutes and does
// not refetch it for an unknown key (ADR 10).
pub(super) const KEY_LEAD: Setting = plain(
    "COUNTERSIGN_KEY_LEAD",
    Value("30m"),
    "from when all replicas publish a new signing key to its first signature; 5m to 7days, shorter than the rotation",
);
pub(super) const ACCESS_TOKEN_TTL: Setting =
    plain("COUNTERSIGN_ACCESS_TOKEN_TTL", Value("15m"), "how long an access token is valid");
pub(super) const REFRESH_TOKEN_TTL: Setting =
    plain("COUNTERSIGN_REFRESH_TOKEN_TTL", Value("30d"), "how long a session lives at the most");
pub(super) const SESSION_IDLE_TTL: Setting = plain(
    "COUNTERSIGN_SESSION_IDLE_TTL",
    Value("14d"),
    "how long a session lives that is not used",
);
pub(super) const REFRESH_GRACE: Setting = plain(
    "COUNTERSIGN_REFRESH_GRACE",
    Value("10s"),
    "how long a refresh token that was just used gets the same successor again: several tabs of one browser; 0s to 1m",
);
pub(super) const SESSIONS_PER_USER: Setting = plain(
    "COUNTERSIGN_SESSIONS_PER_USER",
    Value("100"),
    "sessions that a user may have, 1 to 1000; a login beyond that ends the oldest",
);
