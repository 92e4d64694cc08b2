//! The end of the time.

use std::time::Duration;

use countersign::app::{self, Environment};
use rstest::rstest;
use rstest_reuse::apply;

use super::{DAY, by_nobody, count, deleted, server, undo};
use crate::{
    clocks::time,
    harness::{
        Backend, Server,
        clock::TestClock,
        command::output,
        eventually, on_both, reason_of,
        server::{PASSWORD, config, registration},
    },
    process::on,
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

/// By its clock the time of all that is pending may be over.
#[apply(on_both)]
#[tokio::test]
async fn a_janitor_whose_clock_is_in_doubt_deletes_none(backend: Backend) {
    let server = server(backend).await;
    deleted(&server).await;
    let wrong = server.clock.of_another();
    wrong.set_wrong_by(4 * 24 * 3600);
    let janitor = async |clock: &TestClock| {
        let environment = Environment { clock: clock.clock(), ..Environment::default() };
        app::parts(&config(&server.database), &environment).await.unwrap().janitor
    };
    let (right, ahead) = (janitor(&server.clock).await, janitor(&wrong).await);
    right.run().await.unwrap();
    let left = async || count(&server, "users WHERE deleted_at IS NULL").await;
    for _ in 0..3 {
        // The second time in a row it would renew what it has taken.
        for janitor in [&ahead, &ahead, &right] {
            assert!(janitor.run().await.unwrap().is_some());
        }
        server.clock.advance(Duration::from_secs(60));
        assert_eq!(left().await, 1);
    }
    // Then it is alone.
    ahead.run().await.unwrap();
    server.clock.advance(Duration::from_secs(180));
    ahead.run().await.unwrap();
    assert_eq!(left().await, 0);
}

/// The back-up is older than the undoing, and the time is over: its user must have time to say so.
#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_puts_off_what_was_pending(backend: Backend) {
    let server = server(backend).await;
    let (user, _, code) = deleted(&server).await;
    let long_ago = time(backend, server.clock.now().minus(DAY));
    server.database.run(&format!("UPDATE users SET deletion_due_at = {long_ago}")).await;
    assert_eq!(reason_of(undo(&server, &code).await), "CHALLENGE_INVALID");
    let (result, said) = output(on(&server.database, &["restore", "--already-restored"]));
    assert!(result.status.success(), "{said}");
    let store = server.database.store().await;
    // The command goes by the true clock, and the server's has been stopped a moment before.
    let nearly = server.clock.now().plus(3 * DAY - Duration::from_secs(60));
    assert_eq!(store.deletions_end(by_nobody(nearly), 9).await.unwrap(), 0);
    undo(&server, &code).await.unwrap();
    assert!(server.login_only(&user.username, PASSWORD).await.is_ok());
    store.close().await;
}
