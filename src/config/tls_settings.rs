//! The settings of TLS, a part of the one table in `settings`.

use super::setting::{
    DefaultValue::{self, Absent, Computed, Value},
    Setting, plain,
};

/// All of them, in the order in which they are documented.
pub(super) const ALL: &[Setting] = &[
    TLS_CERT,
    TLS_KEY,
    TLS_CLIENT_CA,
    TLS_CLIENT_AUTH,
    TLS_MIN_VERSION,
    HTTP_TLS,
    HTTP_TLS_CERT,
    HTTP_TLS_KEY,
    HTTP_TLS_CLIENT_CA,
    HTTP_TLS_CLIENT_AUTH,
    HTTP_TLS_MIN_VERSION,
];

/// How a setting of HTTP's follows gRPC's.
const AS_GRPC: DefaultValue = Computed("as gRPC");
pub(super) const TLS_CERT: Setting = plain(
    "COUNTERSIGN_TLS_CERT",
    Absent,
    "file (PEM) with the certificate of both listeners, then its chain; read again when it changes",
);
pub(super) const TLS_KEY: Setting =
    plain("COUNTERSIGN_TLS_KEY", Absent, "file (PEM) with its private key, not encrypted");
pub(super) const TLS_CLIENT_CA: Setting = plain(
    "COUNTERSIGN_TLS_CLIENT_CA",
    Absent,
    "file (PEM) with the authorities that issue client certificates",
);
pub(super) const TLS_CLIENT_AUTH: Setting = plain(
    "COUNTERSIGN_TLS_CLIENT_AUTH",
    Value("off"),
    "client certificates: off, optional or required",
);
pub(super) const TLS_MIN_VERSION: Setting =
    plain("COUNTERSIGN_TLS_MIN_VERSION", Value("1.2"), "the oldest version of TLS: 1.2 or 1.3");
pub(super) const HTTP_TLS: Setting = plain(
    "COUNTERSIGN_HTTP_TLS",
    AS_GRPC,
    "TLS on the HTTP listener: off where gRPC alone has it; on",
);
pub(super) const HTTP_TLS_CERT: Setting =
    plain("COUNTERSIGN_HTTP_TLS_CERT", AS_GRPC, "the same for HTTP, where it differs");
pub(super) const HTTP_TLS_KEY: Setting =
    plain("COUNTERSIGN_HTTP_TLS_KEY", AS_GRPC, "the same for HTTP, where it differs");
pub(super) const HTTP_TLS_CLIENT_CA: Setting =
    plain("COUNTERSIGN_HTTP_TLS_CLIENT_CA", AS_GRPC, "the same for HTTP, where it differs");
pub(super) const HTTP_TLS_CLIENT_AUTH: Setting = plain(
    "COUNTERSIGN_HTTP_TLS_CLIENT_AUTH",
    AS_GRPC,
    "the same for HTTP: off where probes and Prometheus have no certificate",
);
pub(super) const HTTP_TLS_MIN_VERSION: Setting =
    plain("COUNTERSIGN_HTTP_TLS_MIN_VERSION", AS_GRPC, "the same for HTTP, where it differs");
