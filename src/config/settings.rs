//! The one table of all settings: flags, environment variables, defaults, help and docs/ follow it.
//!
//! To add one: a line here and its name below its topic; the line that reads it, in the file of that topic; its row in
//! the docs.

use super::setting::{
    DefaultValue::{Absent, ByProfile, Computed, InDevelopment, Value},
    Setting, plain, secret,
};
use crate::domain::ErrorDomain;

/// The topics of help and docs, in order, and the settings of each.
pub const TOPICS: &[(&str, &[Setting])] = &[
    ("Database", &[DATABASE_URL, DATABASE_CONNECTIONS, MIGRATE, MIGRATE_URL, FSYNC_OFF_AT]),
    (
        "Listening",
        &[
            GRPC_ADDR,
            HTTP_ADDR,
            ADMIN_ADDR,
            DEBUG_ADDR,
            PLAINTEXT,
            TRUSTED_PROXIES,
            FORWARDED_HEADER,
            CALLERS,
            REFLECTION,
            HTTP_RPCS,
            DOCS,
            CORS_ORIGINS,
            STREAM_AGE,
            ERROR_DOMAIN,
            SERVER_HEADER,
            DRAIN_DELAY,
            SHUTDOWN_TIMEOUT,
        ],
    ),
    ("TLS", super::tls_settings::ALL),
    ("Requests to other services (ext_authz)", super::authorization_settings::ALL),
    ("Encryption", &[MASTER_KEY, MASTER_KEY_OLD]),
    (
        "Delivery",
        &[
            DELIVERY,
            SMTP_URL,
            SMTP_FROM,
            SMTP_HELLO,
            TEMPLATES,
            WEBHOOK_URL,
            WEBHOOK_SECRET,
            DELIVERY_CA,
        ],
    ),
    ("Tokens and sessions", super::token_settings::ALL),
    ("Keys of others", &[TOKEN_ISSUERS, FETCH_PRIVATE, FETCH_CA]),
    ("Codes and accounts", super::account_settings::ALL),
    ("Passwords", super::password_settings::ALL),
    ("Passkeys", super::passkey_settings::ALL),
    ("Rate limits", &[ADDRESS_RATE, SOURCE_FAILURES, SERVICE_FAILURES]),
    ("Log", &[LOG, LOG_FORMAT]),
    ("Traces", super::tracing_settings::ALL),
];

/// All settings, in the order in which they are documented.
pub fn all_settings() -> impl Iterator<Item = Setting> {
    TOPICS.iter().flat_map(|(_, settings)| settings.iter().copied())
}

/// The topic of a setting: its heading in help.
pub(super) fn topic(setting: Setting) -> &'static str {
    let found = TOPICS.iter().find(|(_, settings)| settings.contains(&setting));
    found.map_or("Other settings", |(topic, _)| topic)
}

// Database.
pub(super) const DATABASE_URL: Setting =
    plain("DATABASE_URL", Value("sqlite://data/countersign.db"), "postgres://… or sqlite://…")
        .or_file();
pub(super) const DATABASE_CONNECTIONS: Setting = plain(
    "COUNTERSIGN_DATABASE_CONNECTIONS",
    Value("10"),
    "most connections to the database, beside one that listens",
);
pub(super) const MIGRATE: Setting = plain(
    "COUNTERSIGN_MIGRATE",
    Value("on"),
    "what serve does about migrations: on (runs them), check (starts only if there are none) or off",
);
pub(super) const MIGRATE_URL: Setting = secret(
    "COUNTERSIGN_MIGRATE_URL",
    Computed("that of the database"),
    "with Postgres: the URL through which migrations run",
);
pub(super) const FSYNC_OFF_AT: Setting = plain(
    "COUNTERSIGN_FSYNC_OFF_AT",
    Absent,
    "hosts of Postgres that may have fsync off, because their storage keeps what is acknowledged",
);

// Listening.
pub(super) const GRPC_ADDR: Setting = plain(
    "COUNTERSIGN_GRPC_ADDR",
    Value("127.0.0.1:50051"),
    "where gRPC listens: an address and a port (0 picks one), or unix:///run/countersign.sock",
);
pub(super) const HTTP_ADDR: Setting = plain(
    "COUNTERSIGN_HTTP_ADDR",
    Value("127.0.0.1:8080"),
    "where HTTP listens: JSON, Connect, gRPC-Web, key set, OAuth, probes, metrics",
);
pub(super) const ADMIN_ADDR: Setting = plain(
    "COUNTERSIGN_ADMIN_ADDR",
    Absent,
    "where AdminService listens, and then nowhere else; without it, where gRPC does",
);
pub(super) const DEBUG_ADDR: Setting = plain(
    "COUNTERSIGN_DEBUG_ADDR",
    Absent,
    "where /debug shows settings and state: a loopback address, or unix:///run/countersign-debug.sock",
);
pub(super) const PLAINTEXT: Setting = plain(
    "COUNTERSIGN_PLAINTEXT",
    ByProfile("on", "off"),
    "whether a listener without TLS may have an address other than loopback: on (a mesh encrypts) or off",
);
pub(super) const TRUSTED_PROXIES: Setting = plain(
    "COUNTERSIGN_TRUSTED_PROXIES",
    Absent,
    "networks whose x-forwarded-for is believed, such as 10.0.0.0/8",
);
pub(super) const FORWARDED_HEADER: Setting = plain(
    "COUNTERSIGN_FORWARDED_HEADER",
    Value("x-forwarded-for"),
    "the header that they write: x-forwarded-for, or forwarded (RFC 7239)",
);
pub(super) const CALLERS: Setting = plain(
    "COUNTERSIGN_CALLERS",
    Absent,
    "who may do what: spiffe://example.org/ns/*/sa/gateway = register, introspect; anyone = watch",
)
.or_file()
.of_lines();
pub(super) const REFLECTION: Setting =
    plain("COUNTERSIGN_REFLECTION", InDevelopment("on"), "gRPC reflection: on or off");
pub(super) const HTTP_RPCS: Setting = plain(
    "COUNTERSIGN_HTTP_RPCS",
    Computed("on where HTTP is as well protected as gRPC"),
    "whether HTTP answers RPCs (JSON, Connect, gRPC-Web): on or off",
);
pub(super) const DOCS: Setting =
    plain("COUNTERSIGN_DOCS", InDevelopment("on"), "/docs and /openapi.json over HTTP: on or off");
pub(super) const CORS_ORIGINS: Setting = plain(
    "COUNTERSIGN_CORS_ORIGINS",
    Absent,
    "origins of web pages that may call over HTTP, such as https://app.example.com, or * for all",
);
pub(super) const STREAM_AGE: Setting = plain(
    "COUNTERSIGN_STREAM_AGE",
    Value("30m"),
    "how long a stream of WatchRevocations lasts, give or take a tenth; then it ends with OK; 1m to 1day",
);
pub(super) const ERROR_DOMAIN: Setting = plain(
    "COUNTERSIGN_ERROR_DOMAIN",
    Value(ErrorDomain::DEFAULT),
    "the domain of errors (google.rpc.ErrorInfo): a domain name of yours, to tell their reasons from others'",
);
pub(super) const SERVER_HEADER: Setting = plain(
    "COUNTERSIGN_SERVER_HEADER",
    Value("on"),
    "whether answers name the program and its version (server: countersign/…): on or off",
);
pub(super) const DRAIN_DELAY: Setting = plain(
    "COUNTERSIGN_DRAIN_DELAY",
    ByProfile("0s", "5s"),
    "from not ready to no new connections, at shutdown",
);
pub(super) const SHUTDOWN_TIMEOUT: Setting = plain(
    "COUNTERSIGN_SHUTDOWN_TIMEOUT",
    Value("20s"),
    "how long running calls have to end, at shutdown",
);

// Encryption.
pub(super) const MASTER_KEY: Setting = secret(
    "COUNTERSIGN_MASTER_KEY",
    Computed("made in development"),
    "32 bytes in base64: encrypts keys and secrets at rest",
);
pub(super) const MASTER_KEY_OLD: Setting = secret(
    "COUNTERSIGN_MASTER_KEY_OLD",
    Absent,
    "a second master key, for reading alone, while the first one is replaced",
);

// Delivery.
pub(super) const DELIVERY: Setting = plain(
    "COUNTERSIGN_DELIVERY",
    InDevelopment("log"),
    "how codes reach people: log, smtp or webhook",
);
pub(super) const SMTP_URL: Setting = secret(
    "COUNTERSIGN_SMTP_URL",
    Absent,
    "smtps://user:password@host:port, or with STARTTLS smtp://…?tls=required",
);
pub(super) const SMTP_FROM: Setting =
    plain("COUNTERSIGN_SMTP_FROM", Absent, "the sender of mails: Countersign <auth@example.com>");
pub(super) const SMTP_HELLO: Setting = plain(
    "COUNTERSIGN_SMTP_HELLO",
    Computed("the host's name"),
    "with smtp: the name for EHLO; one that resolves to the address that mail comes from",
);
pub(super) const TEMPLATES: Setting = plain(
    "COUNTERSIGN_TEMPLATES",
    Computed("built in"),
    "with smtp: a folder with texts of your own",
);
pub(super) const WEBHOOK_URL: Setting =
    plain("COUNTERSIGN_WEBHOOK_URL", Absent, "https://…; http only to a loopback address");
pub(super) const WEBHOOK_SECRET: Setting =
    secret("COUNTERSIGN_WEBHOOK_SECRET", Absent, "signs webhooks: at least 24 bytes in base64");
pub(super) const DELIVERY_CA: Setting = plain(
    "COUNTERSIGN_DELIVERY_CA",
    Absent,
    "file of authorities (PEM) to believe beside the public ones",
);

// Keys of others.
pub(super) const TOKEN_ISSUERS: Setting = plain(
    "COUNTERSIGN_TOKEN_ISSUERS",
    Absent,
    "issuers whose tokens prove a workload, with spaces between them: https://issuer, https://issuer=https://host/keys, spiffe://trust-domain=https://host/bundle",
);
pub(super) const FETCH_PRIVATE: Setting = plain(
    "COUNTERSIGN_FETCH_PRIVATE",
    Absent,
    "private networks that key sets may be fetched from and events posted to, such as 10.96.0.0/12",
);
pub(super) const FETCH_CA: Setting = plain(
    "COUNTERSIGN_FETCH_CA",
    Absent,
    "file of authorities (PEM) to believe beside the public ones when key sets are fetched or events posted",
);

// Rate limits.
pub(super) const ADDRESS_RATE: Setting = plain(
    "COUNTERSIGN_ADDRESS_RATE",
    Value("100"),
    "calls a second from one address, 5 s' worth at once; 0 is no limit",
);
pub(super) const SOURCE_FAILURES: Setting = plain(
    "COUNTERSIGN_SOURCE_FAILURES",
    Value("600"),
    "failed logins and codes an hour from one address, and mails asked for; a sixth at once; 0 is no limit",
);
pub(super) const SERVICE_FAILURES: Setting = plain(
    "COUNTERSIGN_SERVICE_FAILURES",
    Value("100000"),
    "the same from all addresses together; 0 is no limit",
);

// Log.
pub(super) const LOG: Setting =
    plain("COUNTERSIGN_LOG", Value("info"), "log filter, such as info,countersign=debug");
pub(super) const LOG_FORMAT: Setting =
    plain("COUNTERSIGN_LOG_FORMAT", Value("text"), "text or json");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_the_same_table() {
        let page = include_str!("../../docs/configure.md");
        let rows: Vec<_> = page
            .lines()
            .filter(|line| {
                ["COUNTERSIGN_", "DATABASE_URL", "OTEL_"]
                    .iter()
                    .any(|name| line.starts_with(&format!("| `{name}")))
            })
            .collect();
        let expected: Vec<_> = all_settings()
            .map(|Setting { name, default, help, .. }| {
                format!("| `{name}` | {} | {help} |", default.text())
            })
            .collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn every_setting_is_below_one_topic() {
        let mut names: Vec<_> = all_settings().map(|setting| setting.name).collect();
        let listed = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), listed);
    }
}
