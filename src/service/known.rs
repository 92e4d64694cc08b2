//! The identity behind a call, for the log: recorded in the call's span once it is known.

use tracing::Span;
use uuid::Uuid;

use crate::domain::ServiceAccountId;

/// Records the user and the session of the current call, for its log lines. Only after a proof that strangers do not
/// have: after a mere look-up, the record would take time that reveals the account (timing attack).
pub(super) fn record(user_id: Uuid, session_id: Uuid) {
    let span = Span::current();
    tracing::record_all!(span, user_id = %user_id, session_id = %session_id);
}

/// Records the service account of the current call, once it has proved itself.
pub(super) fn record_service(id: ServiceAccountId) {
    Span::current().record("service_account_id", tracing::field::display(id));
}
