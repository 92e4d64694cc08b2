//! A new user, made by an administrator.

use sqlx::Connection as _;
use uuid::Uuid;

use super::{
    Connection, administrators, claims, events, mailbox, managed_users, registration, revocations,
    users::{self, column_of},
};
use crate::{
    domain::{Event, EventKind, ManagedUser},
    store::{Changed, Error, NewManagedUser, Result, Taken},
};

/// In a savepoint, which is undone if a step refuses, or if it was only to be tried.
pub(in crate::store) async fn create(
    connection: &mut Connection,
    new: &NewManagedUser,
) -> Result<Changed> {
    let mut savepoint = connection.begin().await?;
    let created = steps(&mut savepoint, new).await?;
    if matches!(created, Changed::Done(_)) && !new.validate_only {
        savepoint.commit().await?;
    } else {
        savepoint.rollback().await?;
    }
    Ok(created)
}

async fn steps(connection: &mut Connection, new: &NewManagedUser) -> Result<Changed> {
    let (id, at) = (new.new.user.id, &new.at);
    if new.email_verified {
        // It may end another account with that address, which may be an administrator's.
        administrators::take_turn(connection).await?;
    }
    let keeps = new.email_verified && administrators::is_any_but(connection, Uuid::nil()).await?;
    if !registration::add(connection, &new.new).await? {
        return taken(connection, new).await;
    }
    sqlx::query("UPDATE users SET metadata = $2 WHERE id = $1")
        .bind(id)
        .bind(column_of(&new.metadata))
        .execute(&mut *connection)
        .await?;
    let mut ended = Vec::new();
    if new.email_verified {
        let proven = claims::prove(connection, id, at, claims::Prover::Administrator).await?;
        let Some(rivals) = proven else { return Ok(Changed::EmailTaken) };
        ended = rivals;
    }
    if keeps && !administrators::is_any_but(connection, Uuid::nil()).await? {
        return Ok(Changed::LastAdministrator);
    }
    let (kind, user) = (EventKind::UserCreated, Some(id));
    let event = Event::of(kind, user, None, at.actor.clone(), at.address, at.now);
    events::put(connection, &[event]).await?;
    if let Some(reset) = &new.reset {
        mailbox::insert(connection, reset).await?;
    }
    let made = read(connection, id).await?;
    revocations::append(connection, &ended).await?;
    Ok(Changed::Done(Box::new(made)))
}

async fn read(connection: &mut Connection, id: Uuid) -> Result<ManagedUser> {
    let made = managed_users::by_ids(connection, &[id]).await?.pop();
    made.ok_or(Error::Corrupt("users.id"))
}

/// What is in the way: the same request first (idempotent).
async fn taken(connection: &mut Connection, new: &NewManagedUser) -> Result<Changed> {
    let of = &new.new;
    let taken = users::taken(connection, &of.username_key, &of.email_key, of.request_id).await?;
    Ok(match taken {
        Some(Taken::RequestId(earlier)) => {
            Changed::Repeated(Some(Box::new(read(connection, earlier.user.id).await?)))
        }
        Some(Taken::Username) => Changed::UsernameTaken,
        Some(Taken::Email { .. }) => Changed::EmailTaken,
        None => return Err(Error::Unavailable("a rival registration has vanished".into())),
    })
}
