//! Splits a URL into names and values, percent-decoded; parts before the `?` get the name of their parameter. As in libpq,
//! a later value replaces an earlier one.
//!
//! The crate `url` would not do: it knows one host, and ends at a `#`. People paste unescaped passwords, so where libpq's
//! reading makes no sense, the credentials end at a later `@`.

use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::parameters;
use crate::store::Kind;

/// A name and its value.
pub(super) type Pair = (String, Zeroizing<String>);

/// The remedy for a URL of which no reading makes sense.
const UNREADABLE: &str = "it must look like postgres://user:password@host:5432/database?sslmode=verify-full, with host names, \
                          addresses (IPv6 in brackets) or nothing between @ and /, and ports of digits. In user and password \
                          write % as %25, @ as %40, / as %2F, ? as %3F, # as %23 and : as %3A";

/// One reading of a URL.
struct Reading<'a> {
    credentials: Option<&'a str>,
    hosts: &'a str,
    database: &'a str,
    query: &'a str,
}

/// Splits `url`.
///
/// # Errors
/// The problem, without any value of the URL.
pub(super) fn split(url: &str) -> Result<Vec<Pair>, String> {
    let rest = Kind::Postgres.rest_of(url);
    let rest = rest.ok_or("it must begin with postgres:// or postgresql://")?;
    let reading = likely(rest).ok_or(UNREADABLE)?;
    let mut pairs = Vec::new();
    if let Some(credentials) = reading.credentials {
        let (user, password) = match credentials.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (credentials, None),
        };
        put(&mut pairs, "user", user)?;
        put(&mut pairs, "password", password.unwrap_or_default())?;
    }
    hosts(&mut pairs, reading.hosts)?;
    put(&mut pairs, "dbname", reading.database)?;
    query(&mut pairs, reading.query)?;
    Ok(pairs)
}

/// The first reading that makes sense: libpq's, where the credentials end at the first `@` before a `/`; then those where
/// they end at a later one, from the last backwards.
fn likely(rest: &str) -> Option<Reading<'_>> {
    let known = parameters::begin(rest).unwrap_or(rest.len());
    let (before_query, slash) = (&rest[..known], rest.find('/').unwrap_or(rest.len()));
    let first = before_query.find('@').filter(|at| *at < slash);
    let later = before_query.rmatch_indices('@').map(|(at, _)| Some(at));
    std::iter::once(first).chain(later).map(|at| read(rest, at)).find(Reading::makes_sense)
}

fn read(rest: &str, at: Option<usize>) -> Reading<'_> {
    let (credentials, rest) = match at {
        Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
        None => (None, rest),
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));
    Reading { credentials, hosts, database, query }
}

impl Reading<'_> {
    fn makes_sense(&self) -> bool {
        !self.database.contains('@')
            && self.hosts.split(',').all(|host| {
                let (name, port) = host_and_port(host);
                looks_like_a_host(name) && port.bytes().all(|byte| byte.is_ascii_digit())
            })
    }
}

/// Whether the text may be a host: a name, an address, an escaped folder, or nothing.
fn looks_like_a_host(name: &str) -> bool {
    match name.strip_prefix('[') {
        Some(address) => address.strip_suffix(']').is_some_and(|address| {
            !address.is_empty()
                && address.chars().all(|c| c.is_ascii_alphanumeric() || ":.%".contains(c))
        }),
        None => name.chars().all(|c| c.is_alphanumeric() || "-_.%".contains(c)),
    }
}

/// Host and port; the port is empty if absent.
fn host_and_port(host: &str) -> (&str, &str) {
    let end_of_address = host.rfind(']').unwrap_or(0);
    match host[end_of_address..].rfind(':') {
        Some(colon) => (&host[..end_of_address + colon], &host[end_of_address + colon + 1..]),
        None => (host, ""),
    }
}

/// Adds lists in the order of the hosts, like the parameters `host` and `port`.
fn hosts(pairs: &mut Vec<Pair>, hosts: &str) -> Result<(), String> {
    let both = hosts.split(',').map(host_and_port);
    let (names, ports): (Vec<_>, Vec<_>) = both.unzip();
    let names: Vec<_> = names.iter().map(|name| name.trim_matches(['[', ']'])).collect();
    if names.iter().any(|name| !name.is_empty()) {
        put(pairs, "host", &names.join(","))?;
    }
    if ports.iter().any(|port| !port.is_empty()) {
        put(pairs, "port", &ports.join(","))?;
    }
    Ok(())
}

fn query(pairs: &mut Vec<Pair>, query: &str) -> Result<(), String> {
    // An `@` here may belong to a password that was mistaken for a parameter: do not repeat the piece as a name.
    let may_be_secret = query.contains('@');
    for (number, parameter) in (1..).zip(query.split('&').filter(|text| !text.is_empty())) {
        let nameless =
            || format!("parameter {number} after the ? must be name=value, with & as %26");
        let (name, value) = parameter.split_once('=').ok_or_else(nameless)?;
        let name = decode(name).ok_or_else(nameless)?;
        if !parameters::is_known(&name) {
            let shown = !may_be_secret && looks_like_a_name(&name);
            let shown =
                if shown { name.to_string() } else { format!("parameter {number} after the ?") };
            return Err(format!("{shown} is not supported: leave it out"));
        }
        pairs.push((name.to_string(), decode(value).ok_or_else(|| bad_escape(&name))?));
    }
    Ok(())
}

fn looks_like_a_name(name: &str) -> bool {
    name.len() <= 40 && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

/// Adds a value, unless it is empty.
fn put(pairs: &mut Vec<Pair>, name: &str, value: &str) -> Result<(), String> {
    if !value.is_empty() {
        pairs.push((name.to_owned(), decode(value).ok_or_else(|| bad_escape(name))?));
    }
    Ok(())
}

fn bad_escape(name: &str) -> String {
    format!("{name} has a % that does not begin an escape of UTF-8: write the sign % as %25")
}

/// Percent-decodes. `+` stays a plus, as in libpq; `%00` is refused.
fn decode(text: &str) -> Option<Zeroizing<String>> {
    let escapes = text.split('%').skip(1);
    let whole = |escape: &str| {
        escape
            .as_bytes()
            .first_chunk()
            .is_some_and(|hex: &[u8; 2]| hex.iter().all(u8::is_ascii_hexdigit) && hex != b"00")
    };
    if !escapes.into_iter().all(whole) {
        return None;
    }
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    Some(Zeroizing::new(decoded.into_owned()))
}
