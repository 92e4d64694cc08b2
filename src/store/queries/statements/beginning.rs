//! The beginning of a session.

use sqlx::{Connection as _, Row as _};

use super::{
    Backend, Connection, Query, events, mailbox, new_device, rules::account_is_as_it_was,
    session_row::inserted_columns, sessions, throttles, trust_row::trust_counts, void_codes,
};
use crate::{
    domain::{Actor, AuthMethod, Event, EventKind, Session},
    store::{EmailLogin, LoginDevice, Result, SessionLimit, Settled, SparedBy, TrustWindow},
};

/// Begins the session $1, if the account is as it was, and has no second factor that is not used ($14), unless the trust $15 of a
/// device counts still.
const INSERT: &str = concat!(
    "INSERT INTO sessions (",
    inserted_columns!(),
    ") SELECT $1, id, credential_version, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, session_epoch, $15 FROM users WHERE ",
    account_is_as_it_was!("$2", "$3"),
    " AND ($14 OR NOT is_2fa_enabled OR EXISTS (SELECT 1 FROM trusted_devices \
     WHERE trusted_devices.id = $15 AND trusted_devices.user_id = users.id AND ",
    trust_counts!(now: "$16", after: "$17", by: "$18"),
    ")) RETURNING epoch",
);

pub(in crate::store) async fn begin(
    connection: &mut Connection,
    session: &Session,
    credential_version: i64,
    (settled, limit): (&Settled, SessionLimit),
    device: &LoginDevice,
) -> Result<Option<Session>> {
    Backend::hold_user(connection, session.user_id).await?;
    let begun = insert(connection, session, credential_version, device).await?;
    if let Some(begun) = &begun {
        throttles::settle(connection, settled).await?;
        sessions::end_oldest(connection, begun, limit).await?;
    }
    Ok(begun)
}

/// Begins the session of a login by a mailed code. In a savepoint: no code is lost to a login that fails, and none begins two sessions.
pub(in crate::store) async fn begin_by_code(
    connection: &mut Connection,
    login: &EmailLogin,
) -> Result<Option<Session>> {
    let EmailLogin { code_id, session, credential_version, limit, device } = login;
    let (user_id, now) = (session.user_id, session.created_at);
    // The user before the code, in the order of a change of the password: the other order could deadlock.
    Backend::hold_user(connection, user_id).await?;
    let mut savepoint = connection.begin().await?;
    let begun = if mailbox::consume(&mut savepoint, *code_id, now).await? {
        insert(&mut savepoint, session, *credential_version, device).await?
    } else {
        None
    };
    let Some(begun) = begun else {
        savepoint.rollback().await?;
        return Ok(None);
    };
    savepoint.commit().await?;
    void_codes::of_code(connection, Some(user_id), *code_id, now).await?;
    sessions::end_oldest(connection, &begun, *limit).await?;
    Ok(Some(begun))
}

/// Begins a session after a successful login, if the user is enabled and the credential version unchanged. A login by one
/// proof alone fails where a second factor has been turned on since.
///
/// The version stays with the session, so that one begun during a change of the password can be told. So does the user's
/// epoch, which the returned session has.
pub(super) async fn insert(
    connection: &mut Connection,
    session: &Session,
    credential_version: i64,
    device: &LoginDevice,
) -> Result<Option<Session>> {
    let row = bound(sqlx::query(INSERT), session, credential_version, device.spared_by);
    let Some(row) = row.fetch_optional(&mut *connection).await? else { return Ok(None) };
    let epoch = row.try_get("epoch")?;
    let is_told_of = match &device.unknown {
        Some(unknown) => new_device::note(connection, session, unknown).await?,
        None => note_login(connection, session).await.map(|()| false)?,
    };
    let mut began = vec![event(EventKind::LoginSucceeded, session)];
    if is_told_of {
        began.push(event(EventKind::NewDeviceLogin, session));
    }
    events::put(connection, &began).await?;
    Ok(Some(Session { epoch, ..session.clone() }))
}

/// An event of a session's beginning.
fn event(kind: EventKind, session: &Session) -> Event {
    let (user_id, session_id) = (Some(session.user_id), Some(session.id));
    // A completed login proves the user.
    let actor = Actor::User(session.user_id);
    Event::of(kind, user_id, session_id, actor, session.address, session.created_at)
}

/// Eighteen parameters: those of [`INSERT`].
fn bound<'q>(
    statement: Query<'q>,
    session: &'q Session,
    credential_version: i64,
    spared_by: Option<SparedBy>,
) -> Query<'q> {
    let within = spared_by.map(|trust| trust.within);
    statement
        .bind(session.id)
        .bind(session.user_id)
        .bind(credential_version)
        .bind(&session.audience)
        .bind(&session.device_name)
        .bind(AuthMethod::words(&session.methods))
        .bind(session.created_at)
        .bind(session.expires_at)
        .bind(session.last_used_at)
        .bind(session.address.map(|address| address.to_string()))
        .bind(session.idle_expires_at)
        .bind(session.token_number)
        .bind(session.refresh_salt.as_slice())
        .bind(session.methods.contains(&AuthMethod::MultiFactor))
        .bind(spared_by.map(|trust| trust.id))
        .bind(within.map(|within| within.now))
        .bind(within.map(|within| within.begun_after))
        .bind(within.map(TrustWindow::begun_by))
}

/// The user's row is locked: of two logins, the later one counts.
async fn note_login(connection: &mut Connection, session: &Session) -> Result<()> {
    sqlx::query("UPDATE users SET last_login_at = $2 WHERE id = $1")
        .bind(session.user_id)
        .bind(session.created_at)
        .execute(connection)
        .await?;
    Ok(())
}
