//! Whose call it is, for the log: recorded in the call's span once it is known.

use tracing::Span;
use uuid::Uuid;

/// Records the user and the session of the call that runs. From then on its log lines name them. Only after something was shown that
/// strangers do not have: where a lookup alone found an account, a record would take time that tells of it (timing attack).
pub(super) fn record(user_id: Uuid, session_id: Uuid) {
    let span = Span::current();
    tracing::record_all!(span, user_id = %user_id, session_id = %session_id);
}
