//! Texts of driver errors, each said once and searchable. The driver repeats itself in its sources, names the line of
//! Postgres's source code, and has a "configuration error" that shows a letter of a password.

use std::{fmt, io};

use sqlx::error::DatabaseError;

/// An error of the driver. It has no source: its text includes that.
pub(super) struct Cause(pub(super) sqlx::Error);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&of_driver(&self.0))
    }
}

/// As `Display`: the server's details may hold a caller's input.
impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cause({self})")
    }
}

impl std::error::Error for Cause {}

/// The cause behind an error of the driver or of the store.
pub(super) fn in_words(error: &(dyn std::error::Error + 'static)) -> String {
    match (error.downcast_ref::<sqlx::Error>(), error.source()) {
        (Some(error), _) => of_driver(error),
        (None, Some(source)) => in_words(source),
        (None, None) => error.to_string(),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most of the driver's kinds speak for themselves"
)]
fn of_driver(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => of_server(&**error),
        sqlx::Error::Io(error) => of_network(error),
        sqlx::Error::Tls(error) => format!("TLS: {error}"),
        // A proxy without a server behind it closes the connection.
        sqlx::Error::Protocol(text) if text.contains("response from SSLRequest") => {
            "the server closed the connection, or is no Postgres: it did not say whether it speaks TLS".to_owned()
        }
        sqlx::Error::Configuration(error) if error.to_string().contains("saslprep") => {
            "the password, or the user, holds a character that SCRAM forbids (RFC 4013), such as a control character: \
             choose another"
                .to_owned()
        }
        error => error.to_string(),
    }
}

/// The server's own words, with an explanation where they are not plain, and its SQLSTATE.
fn of_server(error: &(dyn DatabaseError + 'static)) -> String {
    let code = error.code().unwrap_or_default();
    let message = if may_show_values(&code) { "a value was refused" } else { error.message() };
    let meaning = match &*code {
        "28P01" => "wrong password: ",
        "28000" => "login refused: ",
        "3D000" => "no such database: ",
        "53300" => "too many connections: ",
        "42501" => "the role lacks a right: ",
        "57P03" => "the server takes no connections now: ",
        _ => "",
    };
    if code.is_empty() {
        format!("{meaning}{message}")
    } else {
        format!("{meaning}{message} ({code})")
    }
}

/// Whether a message with that code may hold a stored value: an address, a name, a hash. Postgres quotes values in data
/// exceptions (class 22: `invalid input syntax for type integer: "…"`); triggers of an operator raise any text (P0001;
/// SQLite's CONSTRAINT_TRIGGER, 1811). Constraints name themselves, and their rows are in the details, which are left out.
fn may_show_values(code: &str) -> bool {
    matches!(code, "P0001" | "1811") || (code.len() == 5 && code.starts_with("22"))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most of the system's kinds speak for themselves"
)]
fn of_network(error: &io::Error) -> String {
    let text = error.to_string();
    if let Some(why) = text.strip_prefix("failed to lookup address information: ") {
        return format!("no such host: {why}");
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused: nothing listens there".to_owned(),
        io::ErrorKind::NotFound => {
            "no such socket: no server runs there, or it has another folder".to_owned()
        }
        io::ErrorKind::PermissionDenied => "the socket may not be opened by this user".to_owned(),
        io::ErrorKind::TimedOut => "no answer".to_owned(),
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe => "the server closed the connection".to_owned(),
        // Errors of rustls about the peer.
        io::ErrorKind::InvalidData if text.contains("UnknownIssuer") => {
            format!("TLS: {text}: name the file of its authority as sslrootcert")
        }
        io::ErrorKind::InvalidData => format!("TLS: {text}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_network_says_is_named_once() {
        let lookup = "failed to lookup address information: Name or service not known";
        for (error, words) in [
            (io::Error::from(io::ErrorKind::ConnectionRefused), "connection refused"),
            (io::Error::from(io::ErrorKind::NotFound), "no such socket"),
            (io::Error::from(io::ErrorKind::UnexpectedEof), "closed the connection"),
            (io::Error::other(lookup), "no such host: Name or service not known"),
            (
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    "invalid peer certificate: UnknownIssuer",
                ),
                "TLS: invalid peer",
            ),
        ] {
            let cause = Cause(sqlx::Error::Io(error));
            assert!(
                cause.to_string().starts_with(words) || cause.to_string().contains(words),
                "{cause}"
            );
            assert!(std::error::Error::source(&cause).is_none());
        }
    }

    #[test]
    fn no_letter_of_a_password_is_shown() {
        let driver = "Failed to saslprep password: ProhibitedCharacter('q')";
        let cause = Cause(sqlx::Error::Configuration(driver.into()));
        assert!(!cause.to_string().contains('q') || !cause.to_string().contains("'q'"), "{cause}");
        assert!(!format!("{cause:?}").contains("'q'"));
    }

    #[test]
    fn what_is_behind_an_error_is_said_once() {
        let refused = || sqlx::Error::Io(io::ErrorKind::ConnectionRefused.into());
        let of_store = crate::store::Error::Unavailable(Cause(refused()).into());
        for error in [&refused() as &(dyn std::error::Error + 'static), &of_store] {
            assert_eq!(in_words(error), "connection refused: nothing listens there");
        }
        let tls = sqlx::Error::Protocol("unexpected response from SSLRequest: 0x00 (m:95)".into());
        let words = in_words(&tls);
        assert!(words.contains("closed the connection") && !words.contains("95"), "{words}");
    }
}
