//! The settings that a connection starts with, where nothing between drops them, and the mark that shows it.

use sqlx::postgres::PgConnectOptions;

/// What [`BEGIN`](super::session::BEGIN) sets, for statements outside a transaction. The driver itself asks for UTF-8, UTC and dates as ISO has them.
const AT_THE_START: [(&str, &str); 7] = [
    ("client_min_messages", "error"),
    ("statement_timeout", "10s"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "30s"),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_read_only", "off"),
    // Ours, by which it shows whether the others have come through.
    (MARK, "1"),
];

/// Ours alone: no server and no pooler sets it.
const MARK: &str = "countersign.session";

/// After the options of the URL: the last one counts.
pub(super) fn pinned(options: PgConnectOptions) -> PgConnectOptions {
    unpinned(options).options(AT_THE_START)
}

/// Whether `options` are those of a server that lets through what is set at the start: no pooler that lends connections does,
/// since its other clients would get them so.
pub(super) fn is_pinned(options: &PgConnectOptions) -> bool {
    options.get_options().is_some_and(|options| options.contains(MARK))
}

/// The driver would ask for digits of floating point numbers, of which there are none here and which PgBouncer refuses.
pub(super) fn unpinned(options: PgConnectOptions) -> PgConnectOptions {
    options.extra_float_digits(None)
}

#[cfg(test)]
mod tests {
    use super::{super::url::ConnectionString, *};

    #[test]
    fn ours_come_after_those_of_the_url() {
        let url = "postgres://db/x?options=-cstatement_timeout%3D1&search_path=auth";
        let string = ConnectionString::parse(url).unwrap();
        let options = pinned(string.hosts[0].clone());
        let text = options.get_options().unwrap_or_default();
        assert!(text.starts_with("-cstatement_timeout=1 -c search_path=auth -c "), "{text}");
        assert!(text.contains("-c statement_timeout=10s -c lock_timeout=0"), "{text}");
        assert!(text.contains("-c default_transaction_isolation=read\\ committed"), "{text}");
        assert!(is_pinned(&options) && !is_pinned(&string.hosts[0]));
    }
}
