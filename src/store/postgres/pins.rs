//! Startup options of a connection, where nothing between drops them, and the marker that shows it.

use sqlx::{Executor as _, PgConnection, postgres::PgConnectOptions};

/// The settings of [`BEGIN`](super::session::BEGIN), for statements outside a transaction. The driver itself asks for
/// UTF-8, UTC and ISO dates.
const AT_THE_START: [(&str, &str); 9] = [
    ("client_min_messages", "error"),
    ("statement_timeout", "10s"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "30s"),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_read_only", "off"),
    // A plan that was made while the table was small is kept: it must not read the table as a whole when that has grown. A
    // plan without an index costs so much then that it would be compiled.
    ("enable_seqscan", "off"),
    ("jit", "off"),
    // A marker of ours: if it comes through, so do the others.
    (MARK, "1"),
];

/// The settings of [`BEGIN`](super::session::BEGIN) that depend on those the session has, and so can't be options. From here
/// on a change of the server's configuration doesn't change them, until the connection is made anew.
const COMPLETE: &str = "SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' \
         ELSE current_setting('synchronous_commit') END, false), \
     CASE WHEN current_setting('transaction_timeout', true) IS NOT NULL \
         THEN set_config('transaction_timeout', '0', false) END";

/// A marker of ours: no server and no pooler sets it.
const MARK: &str = "countersign.session";

/// Appended to the options of the URL: the last one counts.
pub(super) fn pinned(options: PgConnectOptions) -> PgConnectOptions {
    unpinned(options).options(AT_THE_START)
}

/// Sets what options can't, for the session of a connection that is ours alone.
pub(super) async fn complete(connection: &mut PgConnection) -> sqlx::Result<()> {
    connection.execute(COMPLETE).await.map(drop)
}

/// Whether `options` are those of a server that gets startup options: no pooler that shares connections passes them on,
/// since its other clients would get them too.
pub(super) fn is_pinned(options: &PgConnectOptions) -> bool {
    options.get_options().is_some_and(|options| options.contains(MARK))
}

/// The driver would set the digits of floating point numbers, which are not used here and which PgBouncer refuses.
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
