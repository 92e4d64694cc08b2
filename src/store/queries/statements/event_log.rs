//! The audit log, numbered in the order of the commits, and page by page (ADR 38).

use super::{
    Backend, Connection,
    events::{EventRow, event_columns},
};
use crate::{
    domain::{Event, Timestamp},
    store::{EventPage, EventsState, Numbered, NumberedEvent, Result},
};

/// Locks the row that numbers events: another replica's round waits here.
const LOCK: &str = "UPDATE event_head SET seq = seq WHERE id = 1 RETURNING seq";

/// Statements whose plans a test checks.
#[doc(hidden)]
impl Backend {
    /// The committed events without a number, after the last number. Their ids are times (UUIDv7), so that one that was committed before
    /// another one began comes before it.
    pub const EVENTS_NUMBER: &str = "UPDATE events SET seq = $1 + numbered.place FROM \
         (SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS place FROM \
         (SELECT id FROM events WHERE seq IS NULL ORDER BY id LIMIT $2) AS oldest) AS numbered \
         WHERE events.id = numbered.id AND seq IS NULL RETURNING seq";

    /// In the order of their numbers. `seq > 0` is what the index has.
    pub const EVENTS_AFTER: &str = concat!(
        "SELECT seq, ",
        event_columns!(),
        " FROM events WHERE seq > $1 AND seq > 0 ORDER BY seq LIMIT $2"
    );

    /// Those of a user before a time and id, the newest first.
    pub const EVENTS_PAGE_OF_USER: &str = concat!(
        "SELECT ",
        event_columns!(),
        " FROM events WHERE user_id = $5 AND at >= $1 AND at <= $2 AND (at < $2 OR id < $3) \
         ORDER BY at DESC, id DESC LIMIT $4"
    );

    /// Those of all before a time and id, the newest first.
    pub const EVENTS_PAGE: &str = concat!(
        "SELECT ",
        event_columns!(),
        " FROM events WHERE at >= $1 AND at <= $2 AND (at < $2 OR id < $3) \
         ORDER BY at DESC, id DESC LIMIT $4"
    );
}

pub(in crate::store) async fn state(connection: &mut Connection) -> Result<EventsState> {
    let row: (i64, Option<Timestamp>) = sqlx::query_as(
        "SELECT seq, (SELECT at FROM events WHERE seq IS NULL ORDER BY id LIMIT 1) \
         FROM event_head WHERE id = 1",
    )
    .fetch_one(connection)
    .await?;
    let (head, unnumbered_since) = row;
    Ok(EventsState { head, unnumbered_since })
}

/// Numbers what is committed by now. Whoever reads a number has all before it: numbers become visible by the commit of their round, and the
/// next round begins after that.
pub(in crate::store) async fn number(connection: &mut Connection, most: u32) -> Result<Numbered> {
    let head: i64 = sqlx::query_scalar(LOCK).fetch_one(&mut *connection).await?;
    let numbers: Vec<i64> = sqlx::query_scalar(Backend::EVENTS_NUMBER)
        .persistent(false)
        .bind(head)
        .bind(i64::from(most))
        .fetch_all(&mut *connection)
        .await?;
    // The highest and not the count: the janitor may have removed one meanwhile.
    let head = numbers.iter().copied().max().unwrap_or(head);
    sqlx::query("UPDATE event_head SET seq = $1 WHERE id = 1")
        .bind(head)
        .execute(connection)
        .await?;
    Ok(Numbered { count: numbers.len(), head })
}

pub(in crate::store) async fn after(
    connection: &mut Connection,
    seq: i64,
    most: u32,
) -> Result<Vec<NumberedEvent>> {
    let rows: Vec<NumberedRow> = sqlx::query_as(Backend::EVENTS_AFTER)
        .bind(seq)
        .bind(i64::from(most))
        .fetch_all(connection)
        .await?;
    let numbered =
        |row: NumberedRow| Ok(NumberedEvent { seq: row.seq, event: row.event.try_into()? });
    rows.into_iter().map(numbered).collect()
}

pub(in crate::store) async fn page(
    connection: &mut Connection,
    page: &EventPage,
) -> Result<Vec<Event>> {
    let (at, id) = page.before;
    let statement = match page.user_id {
        Some(_) => Backend::EVENTS_PAGE_OF_USER,
        None => Backend::EVENTS_PAGE,
    };
    let mut query =
        sqlx::query_as(statement).bind(page.from).bind(at).bind(id).bind(i64::from(page.most));
    if let Some(user_id) = page.user_id {
        query = query.bind(user_id);
    }
    let rows: Vec<EventRow> = query.fetch_all(connection).await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

#[derive(sqlx::FromRow)]
struct NumberedRow {
    seq: i64,
    #[sqlx(flatten)]
    event: EventRow,
}
