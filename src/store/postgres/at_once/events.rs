//! Events, as part of a statement that causes them.

use super::Query;
use crate::domain::Event;

/// An event, where the part `$cause` has written its row.
macro_rules! event {
    ($cause:literal, $id:literal, $kind:literal, $user_id:literal, $session_id:literal, $actor:literal, $address:literal, $at:literal) => {
        concat!(
            "INSERT INTO events (id, kind, user_id, session_id, actor, address, at) SELECT ",
            $id,
            ", ",
            $kind,
            ", ",
            $user_id,
            ", ",
            $session_id,
            ", ",
            $actor,
            ", ",
            $address,
            ", ",
            $at,
            " FROM ",
            $cause
        )
    };
}

pub(super) use event;

/// Seven parameters. These events are about no service account and no subscription.
pub(super) fn bound<'q>(query: Query<'q>, event: &Event) -> Query<'q> {
    query
        .bind(event.id)
        .bind(event.kind.as_str())
        .bind(event.user_id)
        .bind(event.session_id)
        .bind(event.actor.as_ref().map(ToString::to_string))
        .bind(event.address.map(|address| address.to_string()))
        .bind(event.at)
}
