//! The end of the time.

use std::time::Duration;

use rstest::rstest;
use rstest_reuse::apply;

use super::{DAY, count, deleted, undo};
use crate::harness::{
    Backend, Server, eventually, on_both, reason_of,
    server::{PASSWORD, registration},
};

#[apply(on_both)]
#[tokio::test]
async fn the_account_is_deleted_for_good_and_not_before(backend: Backend) {
    let server = Server::start_with(backend, |config, environment| {
        config.policy.deletion_grace = 3 * DAY;
        environment.clean_every = Duration::from_millis(5);
    })
    .await;
    server.clock.stop();
    let ((due, ..), (back, _, code)) = (deleted(&server).await, deleted(&server).await);
    let live = server.user(false).await;
    server.clock.advance(DAY);
    let (later, _, _) = deleted(&server).await;
    undo(&server, &code).await.unwrap();
    server.clock.advance(2 * DAY);
    let gone = "events WHERE kind = 'user_deleted' AND actor = 'nobody'";
    eventually("the janitor", async || count(&server, gone).await == 1).await;
    eventually("its rows", async || count(&server, "users").await == 3).await;
    for user in [&back, &later, &live] {
        let left = format!("users WHERE username = '{}'", user.username);
        assert_eq!(count(&server, &left).await, 1);
    }
    assert_eq!(count(&server, "users WHERE deletion_due_at IS NOT NULL").await, 1);
    // Name and address are free.
    let again = countersign::pb::RegisterRequest {
        username: due.username.clone(),
        email: due.email.clone(),
        ..registration(false)
    };
    assert_ne!(server.register(again).await.unwrap().id, due.id);
    assert_eq!(
        reason_of(server.login_only(&later.username, PASSWORD).await),
        "INVALID_CREDENTIALS"
    );
}
