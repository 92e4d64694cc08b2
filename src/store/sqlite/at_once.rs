//! What Postgres writes in one statement (`postgres/at_once`). SQLite writes it in several: there are no data-modifying CTEs,
//! and a statement costs no round trip.

pub(super) struct NotAtOnce;

pub(super) const CLAIM_MESSAGES: NotAtOnce = NotAtOnce;
pub(super) const REFRESH_SESSION: NotAtOnce = NotAtOnce;
pub(super) const REMOVE_MESSAGE: NotAtOnce = NotAtOnce;
pub(super) const RESERVE_ATTEMPT: NotAtOnce = NotAtOnce;
