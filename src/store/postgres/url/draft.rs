//! Collects the given parameters and builds the options for each server.

use std::{fs, net::IpAddr, str::FromStr as _, time::Duration};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use zeroize::Zeroizing;

use super::{
    connection_string::{ConnectionString, TargetSessionAttrs},
    parameters::refusal,
};

type Value = Zeroizing<String>;
type Result<T> = std::result::Result<T, String>;

/// The raw parameters of [`PgConnectOptions`].
#[derive(Default)]
pub(super) struct Draft {
    host: Value,
    hostaddr: Value,
    port: Value,
    dbname: Value,
    user: Value,
    password: Value,
    sslmode: Option<PgSslMode>,
    sslrootcert: Value,
    sslcert: Value,
    sslkey: Value,
    options: Value,
    settings: Vec<(String, String)>,
    session_settings: Vec<String>,
    application_name: Value,
    fallback_name: Value,
    connect_timeout: Option<Duration>,
    target: Option<TargetSessionAttrs>,
    statement_cache: Option<usize>,
}

impl Draft {
    /// Sets one parameter. A later one of the same name replaces it.
    pub(super) fn set(&mut self, name: &str, value: Value) -> Result<()> {
        let field = match name {
            "host" => &mut self.host,
            "hostaddr" => &mut self.hostaddr,
            "port" => &mut self.port,
            "dbname" => &mut self.dbname,
            "user" => &mut self.user,
            "password" => &mut self.password,
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => &mut self.sslrootcert,
            "sslcert" | "ssl-cert" => &mut self.sslcert,
            "sslkey" | "ssl-key" => &mut self.sslkey,
            "application_name" | "ApplicationName" => &mut self.application_name,
            "fallback_application_name" => &mut self.fallback_name,
            _ => return self.set_checked(name, value),
        };
        *field = value;
        Ok(())
    }

    fn set_checked(&mut self, name: &str, value: Value) -> Result<()> {
        match name {
            "sslmode" | "ssl-mode" => self.sslmode = Some(ssl_mode(&value)?),
            "ssl" => {
                match value.as_str() {
                    "true" => self.sslmode = Some(PgSslMode::Require),
                    _ => return Err(
                        "ssl can only be true: write sslmode=disable for a connection without TLS"
                            .into(),
                    ),
                }
            }
            "options" | "search_path" | "schema" | "currentSchema" => self.set_session(name, value),
            "connect_timeout" => self.connect_timeout = seconds(&value)?,
            "target_session_attrs" => self.target = Some(target(&value)?),
            "client_encoding" => {
                if !["utf8", "utf-8", "unicode", "auto"].contains(&value.to_lowercase().as_str()) {
                    return Err("client_encoding must be UTF8: leave it out".into());
                }
            }
            "statement-cache-capacity" => {
                let capacity = value.parse().ok().filter(|capacity| *capacity > 0);
                let capacity = capacity
                    .ok_or("statement-cache-capacity must be a number from 1: leave it out")?;
                self.statement_cache = Some(capacity);
            }
            _ => return self.set_single_option(name, &value),
        }
        Ok(())
    }

    /// Sets session settings, beside those that the service itself needs.
    fn set_session(&mut self, name: &str, value: Value) {
        self.session_settings.push(name.to_owned());
        if name == "options" {
            self.options = value;
        } else {
            self.settings.retain(|(setting, _)| setting != "search_path");
            self.settings.push(("search_path".to_owned(), value.to_string()));
        }
    }

    /// `options[name]=value`: only the part that sqlx supports.
    fn set_single_option(&mut self, name: &str, value: &str) -> Result<()> {
        let option = name.strip_prefix("options[").and_then(|name| name.strip_suffix(']'));
        if let Some(option) = option {
            self.session_settings.push("options".to_owned());
            self.settings.push((option.to_owned(), value.to_owned()));
            return Ok(());
        }
        refusal(name, value).map_or(Ok(()), Err)
    }

    /// Builds the options for every server.
    pub(super) fn finish(self) -> Result<ConnectionString> {
        self.check_files()?;
        let (hosts, addresses) = (list(&self.host), list(&self.hostaddr));
        let count = hosts.len().max(addresses.len());
        if addresses.iter().any(|address| !address.is_empty() && address.parse::<IpAddr>().is_err())
        {
            return Err("hostaddr must be IP addresses: write a name as host".into());
        }
        if !self.hostaddr.is_empty() && !self.host.is_empty() && hosts.len() != addresses.len() {
            return Err("host and hostaddr must name equally many servers".into());
        }
        let ports = list(&self.port);
        if ports.len() != 1 && ports.len() != count {
            return Err("port must be one for all hosts, or one for each".into());
        }
        let at = |list: &[String], index: usize| list.get(index).cloned().unwrap_or_default();
        let hosts: Result<Vec<_>> = (0..count)
            .map(|index| {
                let port = ports.get(index).or(ports.first()).cloned().unwrap_or_default();
                self.server(&at(&hosts, index), &at(&addresses, index), &port)
            })
            .collect();
        Ok(ConnectionString {
            hosts: hosts?,
            target: self.target.unwrap_or(TargetSessionAttrs::ReadWrite),
            connect_timeout: self.connect_timeout,
            session_settings: self.session_settings,
        })
    }

    fn server(&self, host: &str, address: &str, port: &str) -> Result<PgConnectOptions> {
        if !port.is_empty() && port.parse::<u16>().ok().is_none_or(|port| port == 0) {
            return Err("port must be a number from 1 to 65535".into());
        }
        let named = if address.is_empty() { host } else { address };
        let mut options = self.base(named, port)?;
        for (name, value) in &self.settings {
            options = options.options([(name, value)]);
        }
        if let Some(capacity) = self.statement_cache {
            options = options.statement_cache_capacity(capacity);
        }
        let environment = options.get_application_name().map(str::to_owned);
        let name = [
            self.application_name.as_str(),
            environment.as_deref().unwrap_or_default(),
            &self.fallback_name,
        ];
        let name = name.into_iter().find(|name| !name.is_empty()).unwrap_or("countersign");
        options = self.with_tls(options.application_name(name))?;
        if matches!(options.get_ssl_mode(), PgSslMode::VerifyFull)
            && !address.is_empty()
            && host != address
        {
            return Err(
                "hostaddr does not work with sslmode=verify-full: write the host alone".into()
            );
        }
        Ok(options)
    }

    /// Goes through sqlx's parser, the only reader of the password file. It logs malformed lines of that file, perhaps with
    /// a password: that log is disabled here.
    fn base(&self, host: &str, port: &str) -> Result<PgConnectOptions> {
        let mut url = Zeroizing::new("postgres:///?".to_owned());
        let fields = [
            ("host", host),
            ("port", port),
            ("dbname", &self.dbname),
            ("user", &self.user),
            ("password", &self.password),
            ("options", &self.options),
        ];
        for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
            for piece in [name, "="]
                .into_iter()
                .chain(utf8_percent_encode(value, NON_ALPHANUMERIC))
                .chain(["&"])
            {
                url.push_str(piece);
            }
        }
        let nobody = tracing::subscriber::NoSubscriber::default();
        let options =
            tracing::subscriber::with_default(nobody, || PgConnectOptions::from_str(&url));
        // The error's text might hold a value. All fields were checked, so there should be none.
        options.map_err(|_value| "it can't be used as it is".to_owned())
    }

    /// `require` with a root certificate verifies, as in libpq, and so does `system`, the authorities of browsers. A socket
    /// has no TLS.
    fn with_tls(&self, options: PgConnectOptions) -> Result<PgConnectOptions> {
        if options.get_socket().is_some() || options.get_host().starts_with('/') {
            return Ok(options.ssl_mode(PgSslMode::Disable));
        }
        let mut options = options;
        if let Some(mode) = self.sslmode {
            options = options.ssl_mode(mode);
        }
        match self.sslrootcert.as_str() {
            "" => {}
            "system" if self.sslmode.is_none_or(|mode| matches!(mode, PgSslMode::VerifyFull)) => {
                options = options.ssl_mode(PgSslMode::VerifyFull);
            }
            "system" => return Err("sslrootcert=system needs sslmode=verify-full".into()),
            file => {
                options = options.ssl_root_cert(file);
                if matches!(options.get_ssl_mode(), PgSslMode::Require) {
                    options = options.ssl_mode(PgSslMode::VerifyCa);
                }
            }
        }
        if !self.sslcert.is_empty() {
            options =
                options.ssl_client_cert(self.sslcert.as_str()).ssl_client_key(self.sslkey.as_str());
        }
        Ok(options)
    }

    fn check_files(&self) -> Result<()> {
        if self.sslcert.is_empty() != self.sslkey.is_empty() {
            return Err("sslcert and sslkey must be given together".into());
        }
        if self.sslrootcert.as_str() != "system" {
            check_file("sslrootcert", &self.sslrootcert)?;
        }
        check_file("sslcert", &self.sslcert)?;
        check_file("sslkey", &self.sslkey)
    }
}

/// The entries between commas; one empty entry for an empty text.
fn list(text: &str) -> Vec<String> {
    text.split(',').map(|entry| entry.trim().to_owned()).collect()
}

fn ssl_mode(value: &str) -> Result<PgSslMode> {
    if value == "allow" {
        return Err(
            "sslmode=allow is not supported: write prefer, which uses TLS where the server has it"
                .into(),
        );
    }
    value.parse().map_err(|_value| {
        "sslmode must be disable, prefer, require, verify-ca or verify-full".into()
    })
}

fn target(value: &str) -> Result<TargetSessionAttrs> {
    match value {
        "any" => Ok(TargetSessionAttrs::Any),
        "read-write" => Ok(TargetSessionAttrs::ReadWrite),
        "primary" => Ok(TargetSessionAttrs::Primary),
        _ => {
            Err("target_session_attrs must be read-write, primary or any: the service writes"
                .into())
        }
    }
}

/// Zero and less is no limit; one counts as two, as in libpq.
fn seconds(value: &str) -> Result<Option<Duration>> {
    let seconds: i64 =
        value.trim().parse().map_err(|_value| "connect_timeout must be a number of seconds")?;
    let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0);
    Ok(seconds.map(|seconds| Duration::from_secs(seconds.max(2))))
}

/// Checks the file of a certificate or key: sqlx's own error would look like a network error.
fn check_file(name: &str, path: &str) -> Result<()> {
    if path.is_empty() {
        return Ok(());
    }
    let pem = fs::read(path).map(Zeroizing::new);
    // Without the path: it may be the key itself, pasted by mistake.
    let pem = pem.map_err(|error| format!("the file of {name} cannot be read: {error}"))?;
    let has = |text: &[u8]| pem.windows(text.len()).any(|window| window == text);
    if has(b"ENCRYPTED") {
        return Err(format!(
            "the file of {name} is encrypted: decrypt it with openssl pkey -in key.pem -out plain.pem"
        ));
    }
    let begin: &[u8] =
        if name == "sslkey" { b"PRIVATE KEY-----" } else { b"-----BEGIN CERTIFICATE-----" };
    if has(begin) { Ok(()) } else { Err(format!("the file of {name} is not PEM")) }
}
