//! Changes of addresses by their users: by a code to the new one, undone by a code to the former one (ADR 51).
//!
//! Each runs in a savepoint: it is refused as a whole where another account takes the address at the same moment (race).

use sqlx::Connection as _;
use uuid::Uuid;

use super::{
    Connection, claims, deletions, events, guard, mailbox, outbox, passkeys, passwords, retries,
    revocations, sessions, undo_codes, user_address,
};
use crate::{
    domain::{Event, EventKind, Revocation},
    store::{
        EmailChange, EmailUndoing, EmailUndone, MOST_UNDOABLE, NewAddress, Result, SealedMessage,
    },
};

pub(in crate::store) async fn make(
    connection: &mut Connection,
    change: &EmailChange,
    messages: &[SealedMessage],
) -> Result<bool> {
    let mut savepoint = connection.begin().await?;
    let ended = match move_to(&mut savepoint, change).await {
        Ok(Some(ended)) => ended,
        Ok(None) => {
            savepoint.rollback().await?;
            return Ok(false);
        }
        Err(error) if error.is_of_a_taken_key() => {
            savepoint.rollback().await?;
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    savepoint.commit().await?;
    events::put(connection, &[change.change.event(EventKind::EmailChanged)]).await?;
    outbox::put(connection, messages).await?;
    revocations::append(connection, &ended).await?;
    Ok(true)
}

/// The change itself. Returns the revocations of the accounts that claimed the address; `None` if it is refused.
async fn move_to(
    connection: &mut Connection,
    change: &EmailChange,
) -> Result<Option<Vec<Revocation>>> {
    let EmailChange { change: asked, code_id, email, undo, tokens_expire_at } = change;
    let (user_id, at) = (asked.user_id, asked.revoking(*tokens_expire_at));
    // The row of the address first, then the user's: the order of all who are about an address (deadlock).
    claims::take_turn(connection, &email.key).await?;
    // The version is the one that the code was sent for, and the change makes another one: of many callers one passes (race).
    let may_ask = guard::take(connection, asked).await?.is_some();
    if !may_ask || !mailbox::is_for(connection, *code_id, user_id).await? {
        return Ok(None);
    }
    let undoable = undo_codes::expiries(connection, user_id, asked.now).await?;
    if undo.is_some() && undoable.len() >= MOST_UNDOABLE {
        return Ok(None);
    }
    let former = undo_codes::former(connection, user_id).await?;
    match user_address::replace(connection, user_id, email, &at).await? {
        user_address::Replaced::Address => {}
        user_address::Replaced::Spelling | user_address::Replaced::Taken => return Ok(None),
    }
    let ended = claims::prove(connection, user_id, &at, claims::Prover::Mailbox).await?;
    if let Some(undo) = undo {
        let number = asked.credential_version + 1;
        undo_codes::insert(connection, user_id, number, &former, undo, asked.now).await?;
    }
    retries::note(connection, asked.carried_out.as_ref()).await?;
    Ok(ended)
}

pub(in crate::store) async fn undo(
    connection: &mut Connection,
    undoing: &EmailUndoing,
    messages: &[SealedMessage],
) -> Result<EmailUndone> {
    let mut savepoint = connection.begin().await?;
    let refused = match move_back(&mut savepoint, undoing).await {
        Ok(Ok(done)) => {
            savepoint.commit().await?;
            return tell(connection, undoing, messages, &done).await;
        }
        Ok(Err(refused)) => refused,
        Err(error) if error.is_of_a_taken_key() => EmailUndone::Taken,
        Err(error) => return Err(error),
    };
    savepoint.rollback().await?;
    Ok(refused)
}

/// What an undoing has done besides.
struct Undone {
    /// The revocations of the accounts that claimed the address meanwhile.
    ended: Vec<Revocation>,
    /// Whether the account was to be deleted, which is called off.
    was_to_be_deleted: bool,
}

/// The former address again, and none of the access that was had by the new one: no passkey either, since whoever made the change may
/// have added it.
async fn move_back(
    connection: &mut Connection,
    undoing: &EmailUndoing,
) -> Result<std::result::Result<Undone, EmailUndone>> {
    let EmailUndoing { code_mac, change, credential_version, at, .. } = undoing;
    let user_id = change.user_id;
    claims::take_turn(connection, &change.former_email_key).await?;
    let is_held = guard::hold(connection, user_id, *credential_version).await?.is_some();
    // With the row locked: of two callers with one code, or with two codes, the second finds what the first has left (race).
    let still = undo_codes::find(connection, code_mac, at.now).await?;
    if !is_held || still.as_ref() != Some(change) {
        return Ok(Err(EmailUndone::Changed));
    }
    // Whoever moved the account got the code of its deletion, too. Before the proof of the address, which no disabled account gives.
    let was_to_be_deleted = deletions::call_off(connection, user_id, at).await?;
    let email = NewAddress {
        text: change.former_email.clone(),
        key: change.former_email_key.clone(),
        claim_key: undoing.claim_key.clone(),
    };
    let mut ended = Vec::new();
    match user_address::replace(connection, user_id, &email, at).await? {
        user_address::Replaced::Taken => return Ok(Err(EmailUndone::Taken)),
        // It came back by a later change: what was begun since ends all the same.
        user_address::Replaced::Spelling => user_address::renew(connection, user_id, at).await?,
        user_address::Replaced::Address if change.was_verified => {
            match claims::prove(connection, user_id, at, claims::Prover::Mailbox).await? {
                Some(rivals) => ended = rivals,
                None => return Ok(Err(EmailUndone::Taken)),
            }
        }
        user_address::Replaced::Address => {}
    }
    undo_codes::end_from(connection, user_id, change.number).await?;
    passkeys::forget(connection, user_id).await?;
    passwords::distrust(connection, user_id, at.now).await?;
    retries::note(connection, at.carried_out.as_ref()).await?;
    Ok(Ok(Undone { ended, was_to_be_deleted }))
}

/// The events and messages, the end of all sessions, and last of all the revocations: their row lock serialises all of them.
async fn tell(
    connection: &mut Connection,
    undoing: &EmailUndoing,
    messages: &[SealedMessage],
    done: &Undone,
) -> Result<EmailUndone> {
    let (user_id, at) = (undoing.change.user_id, &undoing.at);
    let (kind, user, actor) = (EventKind::EmailChangeUndone, Some(user_id), at.actor.clone());
    let mut recorded = vec![Event::of(kind, user, None, actor, at.address, at.now)];
    if done.was_to_be_deleted {
        recorded.push(deletions::undone_event(user_id, at));
    }
    events::put(connection, &recorded).await?;
    outbox::put(connection, messages).await?;
    // The nil id keeps none: all sessions end.
    sessions::revoke_others(connection, user_id, Uuid::nil(), at).await?;
    revocations::append(connection, &done.ended).await?;
    Ok(EmailUndone::Done)
}
