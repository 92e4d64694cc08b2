//! A change of a user by an administrator: the same steps around each.
//!
//! The rows are locked in one order: the guard of administrators, the request, the user. All of it is in a savepoint, which is undone if
//! the change is refused at any step, or was only to be tried (`validate_only`): the trial has every check of the change itself.

use sqlx::Connection as _;
use uuid::Uuid;

use super::{
    Connection, account_state, administrators, events, managed_users, outbox, revocations,
    throttles, user_credentials,
    user_effect::{Effect, Refused},
    user_update,
};
use crate::{
    domain::{Event, EventKind, ManagedUser},
    store::{Changed, Result, Revoking, UserChange, UserChangeRequest},
};

pub(in crate::store) async fn apply(
    connection: &mut Connection,
    request: &UserChangeRequest,
    change: &UserChange,
) -> Result<Changed> {
    let mut savepoint = connection.begin().await?;
    let changed = match steps(&mut savepoint, request, change).await {
        Ok(changed) => changed,
        // Another transaction took the name after it was looked for (race).
        Err(error) if error.is_of_a_taken_key() => {
            savepoint.rollback().await?;
            return Ok(change.taken_meanwhile());
        }
        Err(error) => return Err(error),
    };
    if matches!(changed, Changed::Done(_)) && !request.validate_only {
        savepoint.commit().await?;
    } else {
        savepoint.rollback().await?;
    }
    Ok(changed)
}

async fn steps(
    connection: &mut Connection,
    request: &UserChangeRequest,
    change: &UserChange,
) -> Result<Changed> {
    let id = request.user_id;
    let mut is_guarded = if change.may_end_others() {
        administrators::take_turn(connection).await?;
        true
    } else {
        administrators::take_turn_for(connection, id).await?
    };
    if let Some(repeated) = repeated(connection, request, change.as_str()).await? {
        return Ok(repeated);
    }
    let Some(before) = hold(connection, id).await? else { return Ok(Changed::NotFound) };
    if !request.etag.is_empty() && request.etag != before.etag {
        return Ok(Changed::EtagMismatch);
    }
    if !is_guarded {
        is_guarded = administrators::take_turn_for(connection, id).await?;
    }
    let keeps = is_guarded
        && request.keeps_an_administrator
        && administrators::is_any_but(connection, Uuid::nil()).await?;
    let done = match change {
        UserChange::Update(update) => {
            user_update::apply(connection, request, &before, update).await?
        }
        UserChange::Delete(_) => Ok(delete(connection, request).await?),
        UserChange::SetPassword { password_hash, .. } => {
            Ok(user_credentials::set_password(connection, request, password_hash).await?)
        }
        UserChange::ResetFactors(_) => {
            Ok(user_credentials::factors(connection, request, &before).await?)
        }
    };
    let effect = match done {
        Ok(effect) => effect,
        Err(Refused(why)) => return Ok(why),
    };
    if keeps && !administrators::is_any_but(connection, Uuid::nil()).await? {
        return Ok(Changed::LastAdministrator);
    }
    record(connection, request, change, &effect).await?;
    let after = managed_users::by_ids(connection, &[id]).await?.pop();
    Ok(Changed::Done(Box::new(after.unwrap_or(before))))
}

/// Events, the notice, and, last of all, the revocations: their row lock serialises all of them.
async fn record(
    connection: &mut Connection,
    request: &UserChangeRequest,
    change: &UserChange,
    effect: &Effect,
) -> Result<()> {
    let at = &request.at;
    let of = |kind: &EventKind| {
        Event::of(*kind, Some(request.user_id), None, at.actor.clone(), at.address, at.now)
    };
    let recorded: Vec<_> = effect.kinds.iter().map(of).collect();
    events::put(connection, &recorded).await?;
    if let Some(message) = change.message().filter(|_| !effect.kinds.is_empty()) {
        outbox::put(connection, std::slice::from_ref(message)).await?;
    }
    revocations::append(connection, &effect.revocations).await
}

/// Notes the request under its id. A repetition of it is not carried out again (idempotency key); the row of one that was refused is
/// undone with it. Two of one id at the same time: the second waits for the first.
async fn repeated(
    connection: &mut Connection,
    request: &UserChangeRequest,
    operation: &'static str,
) -> Result<Option<Changed>> {
    let Some(request_id) = request.request_id else { return Ok(None) };
    let noted: Option<Uuid> = sqlx::query_scalar(
        "INSERT INTO admin_requests (id, operation, user_id, expires_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (id) DO UPDATE SET operation = excluded.operation, user_id = excluded.user_id, \
         expires_at = excluded.expires_at WHERE admin_requests.expires_at <= $5 RETURNING id",
    )
    .bind(request_id)
    .bind(operation)
    .bind(request.user_id)
    .bind(request.id_expires_at)
    .bind(request.at.now)
    .fetch_optional(&mut *connection)
    .await?;
    if noted.is_some() {
        return Ok(None);
    }
    let earlier: Option<(String, Uuid)> =
        sqlx::query_as("SELECT operation, user_id FROM admin_requests WHERE id = $1")
            .bind(request_id)
            .fetch_optional(&mut *connection)
            .await?;
    if earlier.is_none_or(|(of, user_id)| of != operation || user_id != request.user_id) {
        return Ok(Some(Changed::RequestIdReused));
    }
    let user = managed_users::by_ids(connection, &[request.user_id]).await?.pop();
    Ok(Some(Changed::Repeated(user.map(Box::new))))
}

/// The user, whose row stays locked until the transaction ends. The update changes nothing: it is a row lock in both databases.
async fn hold(connection: &mut Connection, id: Uuid) -> Result<Option<ManagedUser>> {
    let held: Option<Uuid> = sqlx::query_scalar(
        "UPDATE users SET credential_version = credential_version WHERE id = $1 AND deleted_at IS NULL RETURNING id",
    )
    .bind(id)
    .fetch_optional(&mut *connection)
    .await?;
    if held.is_none() {
        return Ok(None);
    }
    Ok(managed_users::by_ids(connection, &[id]).await?.pop())
}

/// Forgets the failures of a user: all budgets of a subject, whoever was charged to them.
pub(in crate::store) async fn unlock(
    connection: &mut Connection,
    user_id: Uuid,
    subjects: &[[u8; 16]],
    at: &Revoking,
) -> Result<bool> {
    if hold(connection, user_id).await?.is_none() {
        return Ok(false);
    }
    throttles::forget_subjects(connection, subjects).await?;
    let (kind, user) = (EventKind::UserUnlocked, Some(user_id));
    let event = Event::of(kind, user, None, at.actor.clone(), at.address, at.now);
    events::put(connection, &[event]).await?;
    Ok(true)
}

/// As the owner does, whatever the state of the account.
async fn delete(connection: &mut Connection, request: &UserChangeRequest) -> Result<Effect> {
    let revocation = account_state::end(connection, request.user_id, &request.at).await?;
    Ok(Effect { kinds: vec![EventKind::UserDeleted], revocations: vec![revocation] })
}
