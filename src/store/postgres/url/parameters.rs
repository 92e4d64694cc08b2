//! Known parameters: the supported ones, and the remedies for the others.

/// The parameters that [`Draft::set`](super::draft::Draft::set) reads.
const SUPPORTED: &[&str] = &[
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "sslmode",
    "ssl-mode",
    "ssl",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "options",
    "search_path",
    "schema",
    "currentSchema",
    "application_name",
    "fallback_application_name",
    "ApplicationName",
    "connect_timeout",
    "target_session_attrs",
    "client_encoding",
    "statement-cache-capacity",
];

/// An unsupported parameter.
struct Unsupported {
    name: &'static str,
    /// Values that ask for the service's own behaviour.
    harmless: &'static [&'static str],
    /// The remedy.
    instead: &'static str,
}

const fn row(
    name: &'static str,
    harmless: &'static [&'static str],
    instead: &'static str,
) -> Unsupported {
    Unsupported { name, harmless, instead }
}

const POOLER: &str = "leave it out: a pooler is noticed (docs/guides/pgbouncer.md)";
const POOL: &str = "leave it out and set COUNTERSIGN_DATABASE_CONNECTIONS";
const DEAD: &str = "leave it out: dead connections are noticed without it";
const NO_GSS: &str =
    "leave it out: there is no Kerberos here, only passwords and client certificates";
const TLS_VERSION: &str = "leave it out: TLS is 1.2 or 1.3, whichever the server has";
const KEY_IN_CLEAR: &str = "decrypt the key (openssl pkey -in key.pem -out plain.pem), keep the file readable for this user \
                            alone, and leave it out";

/// Parameters of libpq, of other drivers, and of hosts' connection strings.
const UNSUPPORTED: &[Unsupported] = &[
    row(
        "passfile",
        &[],
        "set the environment variable PGPASSFILE, or give the whole URL by DATABASE_URL_FILE",
    ),
    row("service", &[], "write the service's host, port, dbname and user here"),
    row("servicefile", &[], "write the service's host, port, dbname and user here"),
    row(
        "channel_binding",
        &["disable", "prefer"],
        "leave it out, and write sslmode=verify-full: it keeps impostors away as well",
    ),
    row(
        "require_auth",
        &[],
        "leave it out and write sslmode=verify-full, so that no impostor is asked to log in",
    ),
    row("sslpassword", &[], KEY_IN_CLEAR),
    row("sslcrl", &[], "leave it out: revocation lists are not read"),
    row("sslcrldir", &[], "leave it out: revocation lists are not read"),
    row(
        "sslcertmode",
        &["allow"],
        "leave it out: a certificate is sent where sslcert and sslkey name one",
    ),
    row("sslsni", &["1"], "leave it out: the name is always sent"),
    row("sslcompression", &["0"], "leave it out: TLS does not compress"),
    row(
        "sslnegotiation",
        &["postgres"],
        "leave it out: TLS begins as every server since 7.1 expects",
    ),
    row("sslkeylogfile", &[], "leave it out: keys are never written"),
    row("requiressl", &[], "write sslmode=require instead"),
    row("ssl_min_protocol_version", &["TLSv1", "TLSv1.1", "TLSv1.2"], TLS_VERSION),
    row("ssl_max_protocol_version", &["TLSv1.3"], TLS_VERSION),
    row("min_protocol_version", &["3.0"], "leave it out: the protocol is 3.0"),
    row("max_protocol_version", &["3.0", "latest"], "leave it out: the protocol is 3.0"),
    row("gssencmode", &["disable", "prefer"], NO_GSS),
    row("gsslib", &[], NO_GSS),
    row("gssdelegation", &["0"], NO_GSS),
    row("krbsrvname", &[], NO_GSS),
    row(
        "requirepeer",
        &[],
        "leave it out: who may open the socket's folder is for its permissions to say",
    ),
    row("replication", &["false", "off", "no", "0"], "leave it out: this is no replica"),
    row("load_balance_hosts", &["disable"], "leave it out: hosts are tried in their order"),
    row("keepalives", &["1"], DEAD),
    row("keepalives_idle", &[], DEAD),
    row("keepalives_interval", &[], DEAD),
    row("keepalives_count", &[], DEAD),
    row("tcp_user_timeout", &[], DEAD),
    row("tty", &[], "leave it out"),
    row("scram_client_key", &[], "write the password instead"),
    row("scram_server_key", &[], "write the password instead"),
    row("oauth_issuer", &[], "use a password or a client certificate"),
    row("oauth_client_id", &[], "use a password or a client certificate"),
    row("oauth_client_secret", &[], "use a password or a client certificate"),
    row("oauth_scope", &[], "use a password or a client certificate"),
    // JDBC, Npgsql, node-postgres, Prisma, Rails and others.
    row("sslfactory", &[], "write sslmode=verify-full instead"),
    row(
        "sslaccept",
        &[],
        "write sslmode=verify-full instead of strict, sslmode=require instead of accept_invalid_certs",
    ),
    row("sslidentity", &[], "write sslcert and sslkey instead"),
    row("uselibpqcompat", &["true"], "leave it out: sslmode means what it means in libpq"),
    row("pgbouncer", &[], POOLER),
    row("pool_mode", &[], POOLER),
    row("prepared_statements", &["true"], POOLER),
    row("prepareThreshold", &[], POOLER),
    row("preparedStatementCacheQueries", &[], POOLER),
    row("statement_cache_size", &[], POOLER),
    row("connection_limit", &[], POOL),
    row("pool_timeout", &[], POOL),
    row("pool_max_conns", &[], POOL),
    row("pool_size", &[], POOL),
    row("pool", &[], POOL),
    row("max_connections", &[], POOL),
    row("socket_timeout", &[], "leave it out: statements have a time limit of their own"),
    row("socketTimeout", &[], "leave it out: statements have a time limit of their own"),
    row("statement_timeout", &[], "leave it out: statements have a time limit of their own"),
    row("lock_timeout", &[], "leave it out: statements have a time limit of their own"),
    row("connectTimeout", &[], "write connect_timeout=SECONDS instead"),
    row("loginTimeout", &[], "write connect_timeout=SECONDS instead"),
    row("targetServerType", &["primary"], "write target_session_attrs=read-write instead"),
    row("loadBalanceHosts", &["false"], "leave it out: hosts are tried in their order"),
    row("stringtype", &[], "leave it out"),
    row(
        "encoding",
        &["utf8", "UTF8", "UTF-8", "utf-8", "unicode"],
        "leave it out: it is always UTF8",
    ),
    row("charset", &["utf8", "UTF8", "UTF-8", "utf-8"], "leave it out: it is always UTF8"),
    row("timezone", &["UTC"], "leave it out: it is always UTC"),
    row("TimeZone", &["UTC"], "leave it out: it is always UTC"),
];

/// The refusal of an unsupported parameter; `None` where its value asks for the service's own behaviour.
pub(super) fn refusal(name: &str, value: &str) -> Option<String> {
    let row = UNSUPPORTED.iter().find(|row| row.name == name)?;
    let refused = !row.harmless.contains(&value);
    refused.then(|| format!("{name} is not supported with this value: {}", row.instead))
}

/// Whether any driver knows a parameter of that name.
pub(super) fn is_known(name: &str) -> bool {
    SUPPORTED.contains(&name)
        || name.starts_with("options[")
        || UNSUPPORTED.iter().any(|row| row.name == name)
}

/// The start of the parameters, if a known one is the first: a password may hold a `?` as well.
pub(super) fn begin(text: &str) -> Option<usize> {
    text.match_indices('?').map(|(at, _)| at).find(|at| {
        let name = text[at + 1..].split(['=', '&', '@', '/']).next().unwrap_or_default();
        is_known(name) && text[at + 1 + name.len()..].starts_with('=')
    })
}
