//! Codes that are void leave the outbox in the transaction that voids them.

use std::time::Duration;

use countersign::{
    domain::CodePurpose,
    store::{
        ClaimedMessage, CodeRules, Credentials, Hold, MailboxProof, NewChallenge, NewMailboxCode,
        PasswordReset, Priority, Renewal, Rest, SealedCode, SealedMessage, Spending, Store,
    },
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{
    KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at,
    mailbox::new_code,
    new_challenge, new_message, new_user,
    outbox::{claim, recall, rest_until},
    revoking, session_of, stored_user,
};
use crate::harness::{Backend, Database, on_both};

fn message_of(code_id: Uuid, user_id: Uuid, purpose: CodePurpose) -> SealedMessage {
    let code = Some(SealedCode { code_id, user_id, purpose });
    let priority = if purpose == CodePurpose::Login { Priority::LoginCode } else { Priority::Code };
    SealedMessage { code, priority, ..new_message() }
}

fn login_code(new: &NewChallenge) -> SealedMessage {
    message_of(new.challenge.id, new.challenge.user_id, CodePurpose::Login)
}

/// A code for a mailbox, with its message from that source.
fn mailbox_code(user: &Credentials, purpose: CodePurpose, source: u8) -> NewMailboxCode {
    let new = new_code(Some(user));
    let message = message_of(new.code.id, user.user.id, purpose);
    NewMailboxCode { message: SealedMessage { source: [source; 32], ..message }, ..new }
}

async fn challenge(store: &dyn Store, user: &Credentials) -> NewChallenge {
    let new = new_challenge(user);
    assert!(store.challenge_create(new.clone(), Some(login_code(&new))).await.unwrap());
    new
}

async fn renew(store: &dyn Store, new: &NewChallenge, message: SealedMessage) -> Renewal {
    let (now, next_resend_at) = (at(30), at(30));
    let rules =
        CodeRules { now, next_resend_at, max_attempts: 3, is_long_code: false, carried_out: None };
    store.challenge_renew(new.id_mac, [2; 32], rules, message).await.unwrap()
}

/// A user with one code of each purpose, and another one with the same.
async fn with_codes(store: &dyn Store) -> (Credentials, [NewMailboxCode; 2], NewChallenge) {
    let mut of_user = None;
    for _ in 0..2 {
        let user = stored_user(store).await;
        let codes = [CodePurpose::VerifyEmail, CodePurpose::ResetPassword]
            .map(|purpose| mailbox_code(&user, purpose, 1));
        for new in &codes {
            store.mailbox_code_create(new.clone()).await.unwrap();
        }
        let new = challenge(store, &user).await;
        of_user = Some((user, codes, new));
    }
    of_user.unwrap()
}

/// How many of the codes of a user are left, by purpose.
async fn left(database: &Database, user: &Credentials) -> [i64; 3] {
    let id = user.user.id.simple();
    let id = match database.backend {
        Backend::Sqlite => format!("x'{id}'"),
        Backend::Postgres => format!("'{id}'"),
    };
    let mut left = [0; 3];
    for (purpose, left) in left.iter_mut().enumerate() {
        let sql =
            format!("SELECT COUNT(*) FROM outbox WHERE user_id = {id} AND purpose = {purpose}");
        *left = database.number(&sql).await;
    }
    left
}

/// What voids codes, and which are left: login, verification, reset.
#[derive(Debug, Clone, Copy)]
enum End {
    Completed,
    LastAttempt,
    LastMailboxAttempt,
    Disabled,
    Unverified,
    Verified,
    Nothing,
}

async fn end(store: &dyn Store, how: End) -> Credentials {
    let (user, [verification, reset], new) = with_codes(store).await;
    let user_id = user.user.id;
    let proof =
        |code: &NewMailboxCode| MailboxProof { code_id: code.code.id, user_id, at: revoking(9) };
    match how {
        End::Completed => {
            let (session, challenge) = (session_of(user_id), new.challenge);
            let done = store
                .challenge_complete(
                    challenge,
                    session,
                    Spending::SentCode,
                    NO_FAILURES,
                    NO_LIMIT,
                    KNOWN_DEVICE,
                )
                .await;
            assert!(done.unwrap().is_some());
        }
        End::LastAttempt => {
            for _ in 0..3 {
                store.challenge_reserve(new.id_mac, 3, at(9)).await.unwrap();
            }
        }
        End::LastMailboxAttempt => {
            for _ in 0..3 {
                store.mailbox_code_reserve(reset.id_mac, 3, at(9)).await.unwrap();
            }
        }
        End::Disabled => assert!(store.user_disable(user_id, revoking(9)).await.unwrap()),
        End::Unverified => {
            assert!(store.unverified_user_end(proof(&reset)).await.unwrap());
        }
        End::Verified => assert!(store.email_verify(proof(&verification)).await.unwrap()),
        End::Nothing => {}
    }
    user
}

#[apply(on_both)]
#[case::completed(End::Completed, [0, 0, 1])]
#[case::last_attempt(End::LastAttempt, [0, 1, 1])]
#[case::last_mailbox_attempt(End::LastMailboxAttempt, [1, 1, 0])]
#[case::disabled(End::Disabled, [0, 1, 0])]
#[case::unverified(End::Unverified, [0, 0, 0])]
#[case::verified(End::Verified, [1, 0, 1])]
#[case::nothing(End::Nothing, [1, 1, 1])]
#[tokio::test]
async fn what_voids_a_code_withdraws_it_and_no_others(
    #[case] how: End,
    #[case] expected: [i64; 3],
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = end(store.as_ref(), how).await;
    assert_eq!(left(&database, &user).await, expected);
    // Those of the other user are there.
    let others = "SELECT COUNT(*) FROM outbox WHERE user_id IS NOT NULL";
    assert_eq!(database.number(others).await, 3 + expected.iter().sum::<i64>());
}

/// A user whose login takes the password alone: only theirs can be reset or deleted by that.
#[apply(on_both)]
#[case::reset(true, [0, 0, 0])]
#[case::deleted(false, [0, 0, 0])]
#[tokio::test]
async fn a_new_password_and_the_end_of_an_account_withdraw_codes(
    #[case] resets: bool,
    #[case] expected: [i64; 3],
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let mut new = new_user();
    new.user.is_2fa_enabled = false;
    assert!(store.user_create(new.clone()).await.unwrap());
    let user = store.user_by_id(new.user.id).await.unwrap().unwrap();
    let (user_id, credential_version) = (user.user.id, user.credential_version);
    challenge(store.as_ref(), &user).await;
    let reset = mailbox_code(&user, CodePurpose::ResetPassword, 1);
    store.mailbox_code_create(reset.clone()).await.unwrap();
    store.mailbox_code_create(mailbox_code(&user, CodePurpose::VerifyEmail, 1)).await.unwrap();
    assert_eq!(left(&database, &user).await, [1; 3]);
    if resets {
        let reset = PasswordReset {
            user_id,
            credential_version,
            code_id: reset.code.id,
            recovery_code: None,
            password_hash: "other".into(),
            at: revoking(9),
        };
        assert!(store.password_reset(reset, new_message()).await.unwrap());
    } else {
        let session = session_of(user_id);
        let begun = store
            .session_create(
                session.clone(),
                credential_version,
                NO_FAILURES,
                NO_LIMIT,
                KNOWN_DEVICE,
            )
            .await;
        assert!(begun.unwrap().is_some());
        let at = revoking(9);
        let deleted =
            store.user_delete(user_id, session.id, credential_version, at, new_message()).await;
        assert_eq!(deleted.unwrap(), countersign::store::Deletion::Done);
    }
    assert_eq!(left(&database, &user).await, expected);
}

#[apply(on_both)]
#[tokio::test]
async fn a_newer_code_takes_the_place_of_an_older_one(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let new = challenge(store.as_ref(), &user).await;
    assert!(matches!(renew(store.as_ref(), &new, login_code(&new)).await, Renewal::Renewed(_)));
    // Another challenge of the same user is another login.
    challenge(store.as_ref(), &user).await;
    assert_eq!(left(&database, &user).await, [2, 0, 0]);
    for source in [1, 2] {
        let newer = mailbox_code(&user, CodePurpose::VerifyEmail, source);
        store.mailbox_code_create(newer).await.unwrap();
    }
    assert_eq!(left(&database, &user).await, [2, 1, 0]);
    // Anybody may ask for a reset: a stranger does not make the owner's code go.
    for (source, expected) in [(1, 1), (1, 1), (2, 2), (1, 2)] {
        let newer = mailbox_code(&user, CodePurpose::ResetPassword, source);
        store.mailbox_code_create(newer).await.unwrap();
        assert_eq!(left(&database, &user).await, [2, 1, expected]);
    }
}

/// A message that somebody sends can't be taken back: it is marked, and the next one waits for it.
#[apply(on_both)]
#[case::removed(0)]
#[case::postponed(1)]
#[case::never_heard_of_again(2)]
#[tokio::test]
async fn a_code_never_overtakes_the_one_before_it(#[case] ends: u8, backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let new = challenge(store.as_ref(), &user).await;
    let first = claim(store.as_ref(), 0, 8).await.remove(0);
    let renewed = async |seconds| {
        store.outbox_renew(first.id, first.tries, rest_until(seconds)).await.unwrap()
    };
    assert_eq!(renewed(61).await, Hold::Held);
    let next = login_code(&new);
    renew(store.as_ref(), &new, next.clone()).await;
    assert_eq!(left(&database, &user).await, [2, 0, 0]);
    assert_eq!(renewed(90).await, Hold::Withdrawn);
    // Neither that nor its successor; but other logins, of the same user too.
    let other = challenge(store.as_ref(), &user).await;
    let claimed: Vec<_> =
        claim(store.as_ref(), 31, 8).await.iter().map(|message| message.id).collect();
    let messages = database.number("SELECT COUNT(*) FROM outbox").await;
    assert_eq!((claimed.len(), messages), (1, 3), "{other:?}");
    assert!(!claimed.contains(&next.id));
    let seconds = match ends {
        0 => {
            store.outbox_remove(first.id).await.unwrap();
            32
        }
        1 => {
            store.outbox_postpone(first.id, first.tries, rest_until(1000)).await.unwrap();
            32
        }
        _ => 90,
    };
    let claimed = claim(store.as_ref(), seconds, 8).await;
    assert_eq!(claimed.iter().map(|message| message.id).collect::<Vec<_>>(), [next.id]);
    assert_eq!(
        store.outbox_renew(first.id, first.tries, rest_until(99)).await.unwrap(),
        Hold::Lost
    );
    assert_eq!(left(&database, &user).await, [2, 0, 0]);
}

/// Whose sender's clock was ahead.
#[apply(on_both)]
#[tokio::test]
async fn a_withdrawn_message_holds_back_the_next_one_for_a_lease_at_the_most(
    #[values(600, 31_536_000)] ahead: u64,
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let new = challenge(store.as_ref(), &user).await;
    let first = claim(store.as_ref(), ahead, 8).await.remove(0);
    let next = login_code(&new);
    renew(store.as_ref(), &new, next.clone()).await;
    assert_eq!(recall(store.as_ref(), 31).await, 1);
    assert_eq!(claim(store.as_ref(), 90, 8).await, [], "its sender may be there");
    let lease = Rest::of(at(ahead + 5), Duration::from_secs(60));
    let held = store.outbox_renew(first.id, first.tries, lease).await.unwrap();
    assert_eq!(held, Hold::Withdrawn);
    assert_eq!(recall(store.as_ref(), 90).await, 1);
    assert_eq!(claim(store.as_ref(), 149, 8).await, []);
    assert_eq!(claim(store.as_ref(), 150, 8).await[0].id, next.id);
    assert_eq!(left(&database, &user).await, [1, 0, 0]);
}

/// The same for a reset that was asked for anew.
#[apply(on_both)]
#[tokio::test]
async fn a_reset_code_never_overtakes_the_one_before_it(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let reset = || mailbox_code(&user, CodePurpose::ResetPassword, 1);
    store.mailbox_code_create(reset()).await.unwrap();
    let first = claim(store.as_ref(), 0, 8).await.remove(0);
    store.mailbox_code_create(reset()).await.unwrap();
    assert_eq!(claim(store.as_ref(), 1, 8).await, []);
    store.outbox_remove(first.id).await.unwrap();
    assert_eq!(claim(store.as_ref(), 1, 8).await.len(), 1);
}

#[apply(on_both)]
#[tokio::test]
async fn it_is_counted_how_often_nobody_knew_what_became_of_a_message(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    challenge(store.as_ref(), &stored_user(store.as_ref()).await).await;
    let numbers = |message: &ClaimedMessage| (message.tries, message.unsure);
    let first = claim(store.as_ref(), 0, 8).await.remove(0);
    assert_eq!(numbers(&first), (1, 0));
    store.outbox_postpone_unsure(first.id, 1, rest_until(5)).await.unwrap();
    // Too late: somebody else has it by then.
    let second = claim(store.as_ref(), 5, 8).await.remove(0);
    assert_eq!(numbers(&second), (2, 1));
    store.outbox_postpone_unsure(first.id, 1, rest_until(6)).await.unwrap();
    store.outbox_postpone(first.id, 2, rest_until(7)).await.unwrap();
    assert_eq!(numbers(&claim(store.as_ref(), 7, 8).await[0]), (3, 1));
}

/// It tells the owner of an address that somebody else asks for it, whose id it has as their code's would (user enumeration).
#[apply(on_both)]
#[tokio::test]
async fn a_notice_stays_whatever_its_asker_does_next(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let told = mailbox_code(&user, CodePurpose::VerifyEmail, 1);
    let notice = SealedMessage { priority: Priority::Notice, ..told.message.clone() };
    store.mailbox_code_create(NewMailboxCode { message: notice, ..told }).await.unwrap();
    let notices = "SELECT COUNT(*) FROM outbox WHERE priority = 2";
    for _ in 0..2 {
        let newer = mailbox_code(&user, CodePurpose::VerifyEmail, 1);
        store.mailbox_code_create(newer).await.unwrap();
        assert_eq!(database.number(notices).await, 1);
        assert_eq!(left(&database, &user).await, [0, 2, 0], "the notice and one code");
    }
    assert!(store.user_disable(user.user.id, revoking(9)).await.unwrap());
    assert_eq!(database.number(notices).await, 1);
}
