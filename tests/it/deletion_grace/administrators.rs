//! Administrators, and accounts whose users have deleted them.

use countersign::pb::{DeleteUserRequest, UserState, login_response::Result as Outcome};
use rstest::rstest;
use rstest_reuse::apply;

use super::{DAY, count, delete, deleted, server, undo};
use crate::{
    admin::{Office, with_password},
    email_change,
    harness::{Backend, on_both, reason_of, server::PASSWORD},
    mailbox::NEW_PASSWORD,
};

#[apply(on_both)]
#[tokio::test]
async fn they_see_when_it_ends_and_can_call_it_off(backend: Backend) {
    let office = Office::of(server(backend).await).await;
    let server = &office.server;
    let (user, _, code) = deleted(server).await;
    let mut found = office.by_id(&user.id).await.unwrap();
    assert_eq!(found.state, i32::from(UserState::Disabled));
    let due = server.clock.now().plus(3 * DAY).unix_seconds();
    assert_eq!(found.delete_time.as_ref().unwrap().seconds, due);
    found.state = UserState::Active.into();
    let found = office.set(found, &["state"]).await.unwrap();
    assert_eq!((found.state, found.delete_time), (UserState::Active.into(), None));
    let login = server.login_only(&user.username, PASSWORD).await.unwrap().result;
    assert!(matches!(login, Some(Outcome::Tokens(_))), "{login:?}");
    assert_eq!(reason_of(undo(server, &code).await), "CHALLENGE_INVALID");
    // Disabled after it, the account stays, and out of reach.
    let mut found = office.by_id(&user.id).await.unwrap();
    found.state = UserState::Disabled.into();
    let found = office.set(found, &["state"]).await.unwrap();
    assert_eq!(found.delete_time, None);
    assert_eq!(reason_of(undo(server, &code).await), "CHALLENGE_INVALID");
}

#[apply(on_both)]
#[tokio::test]
async fn they_delete_at_once(backend: Backend) {
    let office = Office::of(server(backend).await).await;
    let server = &office.server;
    let (pending, _, code) = deleted(server).await;
    let live = server.user(false).await;
    for user in [&pending, &live] {
        let request = DeleteUserRequest { id: user.id.clone(), ..Default::default() };
        office.delete(request).await.unwrap();
        assert_eq!(reason_of(office.by_id(&user.id).await), "USER_NOT_FOUND");
    }
    assert_eq!(reason_of(undo(server, &code).await), "CHALLENGE_INVALID");
    let left = "users WHERE deletion_due_at IS NOT NULL OR deletion_code_mac IS NOT NULL";
    assert_eq!(count(server, left).await, 0);
}

#[apply(on_both)]
#[tokio::test]
async fn another_password_revives_nothing(backend: Backend) {
    let office = Office::of(server(backend).await).await;
    let server = &office.server;
    let (user, _, code) = deleted(server).await;
    office.set_password(with_password(&user.id, NEW_PASSWORD)).await.unwrap();
    for password in [PASSWORD, NEW_PASSWORD] {
        let refused = server.login_only(&user.username, password).await;
        assert_eq!(reason_of(refused), "INVALID_CREDENTIALS");
    }
    undo(server, &code).await.unwrap();
    // It takes a code to the mailbox, too: whether the one who deleted the account knows it, nothing tells.
    let login = server.login_only(&user.username, NEW_PASSWORD).await.unwrap().result;
    assert!(matches!(login, Some(Outcome::Challenge(_))), "{login:?}");
    let refused = server.login_only(&user.username, PASSWORD).await;
    assert_eq!(reason_of(refused), "INVALID_CREDENTIALS");
}

/// Disabled by them, it has no date.
#[apply(on_both)]
#[tokio::test]
async fn what_they_have_disabled_no_undo_code_enables(backend: Backend) {
    let office = Office::of(server(backend).await).await;
    let server = &office.server;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let former = email_change::move_away(server, &tokens, &user).await;
    delete(server, &tokens, "").await.unwrap();
    let set = async |state: UserState| {
        let mut found = office.by_id(&user.id).await.unwrap();
        found.state = state.into();
        office.set(found, &["state"]).await.unwrap();
    };
    set(UserState::Active).await;
    set(UserState::Disabled).await;
    assert_eq!(reason_of(email_change::undo(server, &former).await), "CHALLENGE_INVALID");
    set(UserState::Active).await;
    email_change::undo(server, &former).await.unwrap();
    assert_eq!(count(server, "events WHERE kind = 'deletion_undone'").await, 0);
}
