//! Changes of one account, or to one address, at the same moment.

use futures_util::future::join_all;
use rstest::rstest;
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::{
    address_of, another_address, confirm, move_to, open, undo, user, verified_user, verifying,
};
use crate::{
    harness::{
        Backend, Server, eventually, reason,
        server::{PASSWORD, registration},
    },
    mailbox::{COOL_DOWN, NEW_PASSWORD, open_reset, reset},
};

const CALLERS: usize = 64;

#[rstest]
#[tokio::test]
async fn of_64_callers_with_the_right_code_one_moves_the_account(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens) = user(&server).await;
    let new = another_address();
    let (id, code) = open(&server, &tokens, &user, &new).await;
    let answers = join_all((0..CALLERS).map(|_| confirm(&server, &tokens, (&id, &code)))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for refused in answers.into_iter().filter_map(Result::err) {
        let reason = reason(&refused);
        assert!(
            ["CHALLENGE_INVALID", "CHALLENGE_EXHAUSTED"].contains(&reason.as_str()),
            "{reason}"
        );
    }
    assert_eq!(address_of(&server, &user).await, (new, true));
    assert_eq!(server.database.number("SELECT COUNT(*) FROM email_changes").await, 1);
}

#[rstest]
#[tokio::test]
async fn of_64_callers_with_one_undo_code_one_succeeds(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens) = user(&server).await;
    let code = move_to(&server, &tokens, &user, &another_address()).await.unwrap();
    let answers = join_all((0..CALLERS).map(|_| undo(&server, &code))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    let recorded = "SELECT COUNT(*) FROM events WHERE kind = 'email_change_undone'";
    assert_eq!(server.database.number(recorded).await, 1);
    assert_eq!(address_of(&server, &user).await.0, user.email);
}

#[rstest]
#[tokio::test]
async fn of_two_accounts_that_move_to_one_address_one_does(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = verifying(backend).await;
    for _ in 0..6 {
        let (first, tokens) = verified_user(&server).await;
        let (second, theirs) = verified_user(&server).await;
        let new = another_address();
        let (id, code) = open(&server, &tokens, &first, &new).await;
        server.clock.advance(COOL_DOWN);
        let (other_id, other_code) = open(&server, &theirs, &second, &new).await;
        let (one, other) = tokio::join!(
            confirm(&server, &tokens, (&id, &code)),
            confirm(&server, &theirs, (&other_id, &other_code)),
        );
        assert_eq!(
            [&one, &other].iter().filter(|answer| answer.is_ok()).count(),
            1,
            "{one:?} {other:?}"
        );
        let refused = one.err().or(other.err()).unwrap();
        assert_eq!(reason(&refused), "CHALLENGE_INVALID");
        let has = [address_of(&server, &first).await, address_of(&server, &second).await];
        assert_eq!(has.iter().filter(|has| **has == (new.clone(), true)).count(), 1, "{has:?}");
    }
}

/// Whichever comes first, the other finds other credentials than those it goes by: a code that was sent to the former address sets
/// no password of an account that has moved.
#[rstest]
#[tokio::test]
async fn of_a_change_and_a_reset_by_the_former_mailbox_one_counts(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    for _ in 0..6 {
        let (user, tokens) = user(&server).await;
        let new = another_address();
        let (reset_id, reset_code) = open_reset(&server, &user).await;
        let (id, code) = open(&server, &tokens, &user, &new).await;
        let (moved, set) = tokio::join!(
            confirm(&server, &tokens, (&id, &code)),
            reset(&server, &reset_id, &reset_code, NEW_PASSWORD),
        );
        assert!(moved.is_ok() != set.is_ok(), "{moved:?} {set:?}");
        let address = if moved.is_ok() { &new } else { &user.email };
        assert_eq!(address_of(&server, &user).await.0, *address);
        let password = if set.is_ok() { NEW_PASSWORD } else { PASSWORD };
        assert!(server.login_only(&user.username, password).await.is_ok());
    }
}

#[rstest]
#[tokio::test]
async fn an_account_that_is_deleted_at_that_moment_keeps_no_address(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    for _ in 0..6 {
        let (user, tokens) = user(&server).await;
        let new = another_address();
        let (id, code) = open(&server, &tokens, &user, &new).await;
        let (moved, deleted) = tokio::join!(
            confirm(&server, &tokens, (&id, &code)),
            server.delete_me(&tokens, PASSWORD),
        );
        assert!(moved.is_ok() || deleted.is_ok(), "{moved:?} {deleted:?}");
        // Both succeed where the deletion begins once the account has moved.
        if deleted.is_err() {
            assert_eq!(address_of(&server, &user).await.0, new);
            server.delete_me(&tokens, PASSWORD).await.unwrap();
        }
        for email in [new, user.email] {
            let request = countersign::pb::RegisterRequest { email, ..registration(false) };
            server.register(request).await.unwrap();
        }
    }
    assert_eq!(server.database.number("SELECT COUNT(*) FROM email_changes").await, 0);
}

/// The owner's code wins, whichever comes first: a second change that slips in before is undone with the first.
#[rstest]
#[tokio::test]
async fn an_undoing_beside_a_second_change_leaves_the_former_address(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    for _ in 0..6 {
        let (user, tokens) = user(&server).await;
        let undo_code = move_to(&server, &tokens, &user, &another_address()).await.unwrap();
        let (id, code) = open(&server, &tokens, &user, &another_address()).await;
        let (undone, _either) =
            tokio::join!(undo(&server, &undo_code), confirm(&server, &tokens, (&id, &code)),);
        undone.unwrap();
        assert_eq!(address_of(&server, &user).await.0, user.email);
        assert!(server.me(&tokens).await.is_err());
    }
    assert_eq!(server.database.number("SELECT COUNT(*) FROM email_changes").await, 0);
}

/// What its messages were written for is not what it would undo: it looks again, and succeeds.
#[tokio::test]
async fn an_undoing_that_finds_other_credentials_looks_again() {
    let server = Server::start(Backend::Postgres).await;
    let (user, tokens) = user(&server).await;
    let undo_code = move_to(&server, &tokens, &user, &another_address()).await.unwrap();
    let mut other = PgConnection::connect(&server.database.url).await.unwrap();
    let change = "BEGIN; UPDATE users SET credential_version = credential_version + 1";
    other.execute(change).await.unwrap();
    let commit = async {
        let waiting = "SELECT COUNT(*) FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        eventually("the write", async || server.database.number(waiting).await > 0).await;
        other.execute("COMMIT").await.unwrap();
    };
    let (undone, ()) = tokio::join!(undo(&server, &undo_code), commit);
    undone.unwrap();
    assert_eq!(address_of(&server, &user).await.0, user.email);
}
