//! The log of revocations, numbered in commit order.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{Backend, Connection};
use crate::{
    domain::{Revocation, Revoked, ServiceAccountId, Timestamp},
    store::{AppendedHere, Error, NumberedRevocation, Result},
};

/// Rows per insert: ten values each, of the 32,766 parameters that SQLite allows.
const ROWS: usize = 1000;

pub(in crate::store) async fn head(connection: &mut Connection) -> Result<i64> {
    let head = sqlx::query_scalar("SELECT seq FROM revocation_head WHERE id = 1");
    Ok(head.fetch_one(connection).await?)
}

pub(in crate::store) async fn after(
    connection: &mut Connection,
    seq: i64,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<NumberedRevocation>> {
    let rows: Vec<RevocationRow> = sqlx::query_as(
        "SELECT seq, session_id, user_id, session_epoch, kept_session_id, key_id, service_account_id, \
         token_id, not_before, expires_at FROM revocations WHERE seq > $1 AND expires_at > $2 ORDER BY seq LIMIT $3",
    )
    .bind(seq)
    .bind(now)
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Appends revocations, as the last statements of a transaction: from here on it locks the row that numbers them, and every
/// other revoking transaction waits for its commit. That keeps numbers in commit order.
pub(super) async fn append(connection: &mut Connection, revocations: &[Revocation]) -> Result<()> {
    if revocations.is_empty() {
        return Ok(());
    }
    let count = i64::try_from(revocations.len()).unwrap_or(i64::MAX);
    let last: i64 =
        sqlx::query_scalar("UPDATE revocation_head SET seq = seq + $1 WHERE id = 1 RETURNING seq")
            .bind(count)
            .fetch_one(&mut *connection)
            .await?;
    let first = last - count + 1;
    AppendedHere::note(first, revocations)?;
    for (rows, first) in revocations.chunks(ROWS).zip((first..).step_by(ROWS)) {
        insert(connection, first, rows).await?;
    }
    Backend::announce_revocations(connection).await
}

/// Batch insert: a transaction that revokes thousands of sessions must not hold up all others.
async fn insert(connection: &mut Connection, first: i64, rows: &[Revocation]) -> Result<()> {
    let mut statement = QueryBuilder::<<Connection as sqlx::Connection>::Database>::new(
        "INSERT INTO revocations \
         (seq, session_id, user_id, session_epoch, kept_session_id, key_id, service_account_id, token_id, not_before, \
         expires_at) ",
    );
    statement.push_values((first..).zip(rows), |mut row, (seq, revocation)| {
        let columns = Columns::of(revocation.subject);
        row.push_bind(seq)
            .push_bind(columns.session_id)
            .push_bind(columns.user_id)
            .push_bind(columns.session_epoch)
            .push_bind(columns.kept_session_id)
            .push_bind(columns.key_id)
            .push_bind(columns.service_account_id)
            .push_bind(columns.token_id)
            .push_bind(revocation.not_before)
            .push_bind(revocation.expires_at);
    });
    statement.build().execute(connection).await?;
    Ok(())
}

/// The columns of a subject.
#[derive(Default, sqlx::FromRow)]
struct Columns {
    session_id: Option<Uuid>,
    user_id: Option<Uuid>,
    session_epoch: Option<i64>,
    kept_session_id: Option<Uuid>,
    key_id: Option<Uuid>,
    service_account_id: Option<Uuid>,
    token_id: Option<Uuid>,
}

impl Columns {
    fn of(subject: Revoked) -> Self {
        let none = Self::default();
        // An earlier release reads a key, a service account and a token as a user that does not exist.
        match subject {
            Revoked::Session(id) => Self { session_id: Some(id), ..none },
            Revoked::User(id) => Self { user_id: Some(id), ..none },
            Revoked::Earlier { user_id, epoch, kept } => {
                let (user_id, session_epoch) = (Some(user_id), Some(epoch));
                Self { user_id, session_epoch, kept_session_id: kept, ..none }
            }
            Revoked::Key(id) => Self { user_id: Some(id), key_id: Some(id), ..none },
            Revoked::Service { id: ServiceAccountId(id), epoch } => {
                let (user_id, service_account_id) = (Some(id), Some(id));
                Self { user_id, service_account_id, session_epoch: Some(epoch), ..none }
            }
            Revoked::Token(id) => Self { user_id: Some(id), token_id: Some(id), ..none },
        }
    }

    /// Other columns were set with these: `None` is a row that no release writes.
    fn subject(&self) -> Option<Revoked> {
        let own = [self.key_id, self.service_account_id, self.token_id];
        Some(match (self.session_id, self.user_id, self.session_epoch, own) {
            (Some(id), None, None, [None, None, None]) => Revoked::Session(id),
            (None, Some(id), None, [None, None, None]) => Revoked::User(id),
            (None, Some(user_id), Some(epoch), [None, None, None]) => {
                Revoked::Earlier { user_id, epoch, kept: self.kept_session_id }
            }
            (None, Some(_), None, [Some(id), None, None]) => Revoked::Key(id),
            (None, Some(_), Some(epoch), [None, Some(id), None]) => {
                Revoked::Service { id: ServiceAccountId(id), epoch }
            }
            (None, Some(_), None, [None, None, Some(id)]) => Revoked::Token(id),
            _ => return None,
        })
    }
}

#[derive(sqlx::FromRow)]
struct RevocationRow {
    seq: i64,
    #[sqlx(flatten)]
    columns: Columns,
    not_before: Timestamp,
    expires_at: Timestamp,
}

impl TryFrom<RevocationRow> for NumberedRevocation {
    type Error = Error;

    fn try_from(row: RevocationRow) -> Result<Self> {
        let subject = row.columns.subject().ok_or(Error::Corrupt("revocations.*_id"))?;
        let RevocationRow { seq, not_before, expires_at, .. } = row;
        Ok(Self { seq, revocation: Revocation { subject, not_before, expires_at } })
    }
}
