//! The audit log: appended in the transactions of the events' causes. The janitor removes old entries.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{Connection, outbox};
use crate::{
    domain::{Actor, Event, EventKind, ServiceAccountId, Timestamp},
    store::{Error, EventFilter, Result, Revoking, SealedMessage},
};

/// The columns of an event.
macro_rules! event_columns {
    () => {
        "id, kind, user_id, session_id, service_account_id, subscription_id, actor, address, at"
    };
}
pub(super) use event_columns;

/// Rows per insert: nine values each, of the 32,766 parameters that SQLite allows.
const ROWS: usize = 1000;

pub(in crate::store) async fn append(
    connection: &mut Connection,
    event: &Event,
    message: Option<&SealedMessage>,
) -> Result<()> {
    put(connection, std::slice::from_ref(event)).await?;
    outbox::put(connection, message.map_or(&[], std::slice::from_ref)).await
}

pub(in crate::store) async fn list(
    connection: &mut Connection,
    filter: &EventFilter,
) -> Result<Vec<Event>> {
    let rows: Vec<EventRow> = sqlx::query_as(concat!(
        "SELECT ",
        event_columns!(),
        " FROM events WHERE at >= $1 AND ($2 IS NULL OR user_id = $2) \
         AND ($3 IS NULL OR kind = $3) ORDER BY at DESC, id DESC LIMIT $4",
    ))
    .bind(filter.since)
    .bind(filter.user_id)
    .bind(filter.kind.map(EventKind::as_str))
    .bind(i64::from(filter.most))
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Appends events in the transaction of their cause: both commit or neither.
pub(super) async fn put(connection: &mut Connection, events: &[Event]) -> Result<()> {
    for rows in events.chunks(ROWS) {
        let mut statement = QueryBuilder::<<Connection as sqlx::Connection>::Database>::new(
            concat!("INSERT INTO events (", event_columns!(), ") "),
        );
        statement.push_values(rows, |mut row, event| {
            row.push_bind(event.id)
                .push_bind(event.kind.as_str())
                .push_bind(event.user_id)
                .push_bind(event.session_id)
                .push_bind(event.service_account_id.map(|ServiceAccountId(id)| id))
                .push_bind(event.subscription_id)
                .push_bind(event.actor.as_ref().map(ToString::to_string))
                .push_bind(event.address.map(|address| address.to_string()))
                .push_bind(event.at);
        });
        statement.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Appends an event about a service account.
pub(super) async fn put_about(
    connection: &mut Connection,
    kind: EventKind,
    id: ServiceAccountId,
    at: &Revoking,
) -> Result<()> {
    let event = Event::of(kind, None, None, at.actor.clone(), at.address, at.now).about(id);
    put(connection, &[event]).await
}

#[derive(sqlx::FromRow)]
pub(super) struct EventRow {
    id: Uuid,
    kind: String,
    user_id: Option<Uuid>,
    session_id: Option<Uuid>,
    service_account_id: Option<Uuid>,
    subscription_id: Option<Uuid>,
    actor: Option<String>,
    address: Option<String>,
    at: Timestamp,
}

impl TryFrom<EventRow> for Event {
    type Error = Error;

    fn try_from(row: EventRow) -> Result<Self> {
        let address = row.address.map(|text| text.parse()).transpose();
        let actor = |text: String| Actor::parse(&text).ok_or(Error::Corrupt("events.actor"));
        Ok(Self {
            id: row.id,
            kind: EventKind::parse(&row.kind).ok_or(Error::Corrupt("events.kind"))?,
            user_id: row.user_id,
            session_id: row.session_id,
            service_account_id: row.service_account_id.map(ServiceAccountId),
            subscription_id: row.subscription_id,
            actor: row.actor.map(actor).transpose()?,
            address: address.map_err(|_no_address| Error::Corrupt("events.address"))?,
            at: row.at,
        })
    }
}
