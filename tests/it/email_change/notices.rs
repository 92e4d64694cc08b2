//! What the two mailboxes hear of a change.

use countersign::pb::LoginRequest;
use rstest::rstest;
use serde_json::Value;

use super::{another_address, move_to, undo, user, verifying};
use crate::{
    delivery::webhook::with_hook,
    harness::{Backend, Server, logs, server::PASSWORD},
};

/// Purposes and destinations of what was sent to a user, after the first messages.
fn told(username: &str, after: usize) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let told = logs::messages(username).split_off(after);
    told.iter().map(|told| (text(&told["purpose"]), text(&told["destination"]))).collect()
}

#[rstest]
#[tokio::test]
async fn both_mailboxes_hear_of_a_change_and_of_its_undoing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens) = user(&server).await;
    let (old, new) = (user.email.clone(), another_address());
    let code = move_to(&server, &tokens, &user, &new).await.unwrap();
    assert_eq!((code.len(), code.matches('-').count()), (27, 3), "{code}");
    let mut first = told(&user.username, 1);
    first.sort();
    assert_eq!(
        first,
        [("email_added".to_owned(), new.clone()), ("email_changed".to_owned(), old.clone())]
    );
    undo(&server, &code).await.unwrap();
    server.delivered().await;
    let mut then = told(&user.username, 3);
    then.sort();
    let mut both =
        [("email_change_undone".to_owned(), old), ("email_change_undone".to_owned(), new)];
    both.sort();
    assert_eq!(then, both);
}

/// Whoever has the mailbox of an address that was mistyped would get the account by the code.
#[rstest]
#[tokio::test]
async fn an_address_that_was_never_verified_hears_of_it_and_gets_no_code(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = verifying(backend).await;
    let (user, tokens) = user(&server).await;
    server.delivered().await;
    let after = logs::messages(&user.username).len() + 1;
    assert_eq!(move_to(&server, &tokens, &user, &another_address()).await, None);
    let told = told(&user.username, after);
    assert!(told.contains(&("email_changed".to_owned(), user.email)), "{told:?}");
    assert_eq!(server.database.number("SELECT COUNT(*) FROM email_changes").await, 0);
}

#[rstest]
#[tokio::test]
async fn the_former_mailbox_is_told_of_ten_sessions_and_how_many_more(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (hook, server) = with_hook(backend, &[]).await;
    server.clock.stop();
    let user = server.user(false).await;
    for number in 0..12 {
        server.clock.advance(std::time::Duration::from_secs(1));
        let request = LoginRequest {
            username: user.username.clone(),
            password: PASSWORD.to_owned(),
            device_name: format!("device {number}"),
            ..Default::default()
        };
        server.auth.clone().login(request).await.unwrap();
    }
    server.clock.advance(std::time::Duration::from_secs(1));
    let tokens = server.session(&user).await;
    let new = another_address();
    let asked = super::ask(&server, &tokens, &new, PASSWORD).await.unwrap();
    let code = hook.calls()[0].json()["code"].as_str().unwrap().to_owned();
    super::confirm(&server, &tokens, (&asked.change_id, &code)).await.unwrap();
    server.delivered().await;
    let calls: Vec<_> = hook.calls().iter().map(|call| call.json()).collect();
    let changed = calls.iter().find(|call| call["purpose"] == "email_changed").unwrap();
    assert_eq!((&changed["type"], &changed["destination"]), (&"notice".into(), &user.email.into()));
    assert_eq!(changed.get("code"), None);
    let masked = format!("m***@{}", new.split_once('@').unwrap().1);
    assert_eq!(changed["new_address"], masked);
    assert_eq!(changed["undo_code"].as_str().unwrap().len(), 27);
    let sessions = changed["sessions"].as_array().unwrap();
    assert_eq!((sessions.len(), &changed["more_sessions"]), (10, &3.into()));
    assert_eq!(sessions[1]["device_name"], "device 11", "after the one that asks");
    assert_eq!(sessions[1]["address"], "127.0.0.1");
    assert!(sessions[1]["last_used_time"].is_string());
    let added = calls.iter().find(|call| call["purpose"] == "email_added").unwrap();
    assert_eq!((&added["destination"], added.get("undo_code")), (&new.into(), None));
}
