//! Endpoints of mails and webhooks: URLs that require TLS outside this machine.

use std::fmt;

use percent_encoding::percent_decode_str;
use rustls::pki_types::ServerName;
use url::Url;
use zeroize::Zeroizing;

use crate::domain::is_loopback;

/// The hint for a URL without TLS.
const TLS_WANTED: &str = "must be smtps://…, or smtp://…?tls=required: \
    without TLS only to a loopback address and without user and password";

/// A mail server: `smtps://user:password@host:port`, or `smtp://…?tls=required`.
#[derive(Clone)]
pub struct SmtpUrl {
    pub(super) host: String,
    /// The name in the server's certificate: `host`.
    pub(super) name: ServerName<'static>,
    pub(super) port: u16,
    pub(super) security: Security,
    /// `None` without TLS.
    pub(super) login: Option<Login>,
}

/// Credentials for a mail server.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: Zeroizing<String>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(..)")
    }
}

/// Transport security of a connection to a mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// STARTTLS, or no mail (RFC 3207).
    StartTls,
    /// No TLS: the connection stays on this machine, and has no password.
    Loopback,
}

impl SmtpUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// Malformed URLs, and without TLS: a connection that would leave the machine, and a password. The text does not repeat
    /// the URL.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wanted = "must be smtps://user:password@host or smtp://user:password@host?tls=required";
        let url = Url::parse(text).map_err(|_with_the_password| wanted)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(wanted)?;
        let security = match (url.scheme(), url.query()) {
            ("smtps", None) => Security::Tls,
            ("smtp", Some("tls=required")) => Security::StartTls,
            ("smtp", None) if is_loopback(host) && !has_login(&url) => Security::Loopback,
            ("smtp", None) => return Err(TLS_WANTED.into()),
            _ => return Err(wanted.into()),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(wanted.into());
        }
        let decode = |text| percent_decode_str(text).decode_utf8().map(String::from);
        let login = if has_login(&url) {
            let user = decode(url.username()).map_err(|_not_utf8| wanted)?;
            let password = url.password().unwrap_or_default();
            let password = decode(password).map_err(|_not_utf8| wanted)?.into();
            Some(Login { user, password })
        } else {
            None
        };
        let port = url.port().unwrap_or(match security {
            Security::Tls => 465,
            Security::StartTls => 587,
            Security::Loopback => 25,
        });
        // An IPv6 address has brackets in a URL and none elsewhere.
        let host = host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host.clone()).map_err(|_no_certificate_for_it| wanted)?;
        Ok(Self { host, name, port, security, login })
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpUrl").field("host", &self.host).finish_non_exhaustive()
    }
}

/// A webhook: `https://…`.
#[derive(Debug, Clone)]
pub struct HookUrl(pub(super) Url);

impl HookUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// Malformed URLs, and a connection without TLS that would leave the machine.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wanted = "must be https://…, or http://… to a loopback address, without a password";
        let url = Url::parse(text).map_err(|error| format!("{wanted}: {error}"))?;
        let safe = match url.scheme() {
            "https" => url.host_str().is_some(),
            "http" => url.host_str().is_some_and(is_loopback),
            _ => false,
        };
        let no_password = url.username().is_empty() && url.password().is_none();
        if safe && no_password { Ok(Self(url)) } else { Err(wanted.into()) }
    }
}

/// Whether the URL has a user or a password.
fn has_login(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_leaves_the_machine_with_tls_only() {
        for (text, host, port, security) in [
            ("smtps://mail.example.com", "mail.example.com", 465, Security::Tls),
            ("smtp://mail.example.com?tls=required", "mail.example.com", 587, Security::StartTls),
            ("smtp://[2001:db8::1]:2525?tls=required", "2001:db8::1", 2525, Security::StartTls),
            ("smtp://127.0.0.1:1025", "127.0.0.1", 1025, Security::Loopback),
            ("smtp://[::1]", "::1", 25, Security::Loopback),
            ("smtp://localhost", "localhost", 25, Security::Loopback),
        ] {
            let url = SmtpUrl::parse(text).unwrap();
            assert_eq!((url.host.as_str(), url.port, url.security), (host, port, security));
            assert!(url.login.is_none());
            assert_eq!(url.name.to_str(), host);
        }
        for bad in [
            "smtp://mail.example.com",
            "smtp://mail.example.com?tls=opportunistic",
            "smtp://127.0.0.1.example.com",
            "smtp://localhost.example.com",
            "smtp://127.0.0.1?tls=none",
            "smtps://mail.example.com?tls=off",
            "smtps://mail.example.com/helo",
            "smtps:mail.example.com",
            "smtps://mail..example.com",
            "https://mail.example.com",
            "mail.example.com",
        ] {
            assert!(SmtpUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn user_and_password_may_hold_any_character_and_are_not_repeated() {
        let url = SmtpUrl::parse("smtps://me%40example.com:p%3Aw%2F@mail.example.com").unwrap();
        let expected =
            Login { user: "me@example.com".into(), password: Zeroizing::new("p:w/".into()) };
        assert_eq!(url.login, Some(expected));
        assert!(!format!("{url:?}").contains("p:w/"));
        for bad in ["smtp://u:hunter2@mail.example.com", "smtps://u:hunter2@:x"] {
            assert!(!SmtpUrl::parse(bad).unwrap_err().contains("hunter2"), "{bad}");
        }
    }

    #[test]
    fn no_password_goes_without_tls_and_it_is_told_what_to_write_instead() {
        for bad in [
            "smtp://user:hunter2@mail.example.com",
            "smtp://user:hunter2@127.0.0.1:1025",
            "smtp://user:hunter2@localhost",
            "smtp://user:hunter2@[::1]",
            "smtp://user@127.0.0.1",
            "smtp://:hunter2@127.0.0.1",
        ] {
            assert_eq!(SmtpUrl::parse(bad).unwrap_err(), TLS_WANTED, "{bad}");
        }
        for good in ["smtps://u:p@127.0.0.1", "smtp://u:p@localhost?tls=required"] {
            assert!(SmtpUrl::parse(good).unwrap().login.is_some(), "{good}");
        }
    }

    #[test]
    fn a_webhook_is_called_with_tls_unless_it_is_on_the_machine() {
        for good in ["https://example.com/hook?x=1", "http://127.0.0.1:8000/", "http://[::1]:1/"] {
            assert!(HookUrl::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://example.com/",
            "http://127.0.0.1@example.com/",
            "https://u:p@example.com/",
            "ftp://x",
        ] {
            assert!(HookUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
