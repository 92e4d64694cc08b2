//! Many at once.

use futures_util::future::{join, join_all};
use rstest::rstest;
use rstest_reuse::apply;

use super::{DAY, by_nobody, count, delete, deleted, server, undo};
use crate::harness::{Backend, on_both, reason_of};

#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_deletions_and_of_many_undoings_one_passes(backend: Backend) {
    let server = server(backend).await;
    let user = server.user(false).await;
    let tokens = join_all((0..8).map(|_| server.session(&user))).await;
    let answers = join_all(tokens.iter().map(|tokens| delete(&server, tokens, ""))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    assert_eq!(count(&server, "events WHERE kind = 'deletion_requested'").await, 1);
    let code = super::code_of(&server, &user.username).await;
    let answers = join_all((0..8).map(|_| undo(&server, &code))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    assert_eq!(count(&server, "events WHERE kind = 'deletion_undone'").await, 1);
}

/// The undoing by a clock that is a moment behind, and the janitor by one that is a moment ahead.
#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_janitor_and_an_undoing_one_wins(backend: Backend) {
    let server = server(backend).await;
    let store = server.database.store().await;
    let (mut undone, mut ended) = (0, 0);
    for round in 0..12 {
        let (user, _, code) = deleted(&server).await;
        let at = by_nobody(server.clock.now().plus(3 * DAY));
        let (undoing, janitor) = if round % 2 == 0 {
            join(undo(&server, &code), store.deletions_end(at, 100)).await
        } else {
            let (janitor, undoing) = join(store.deletions_end(at, 100), undo(&server, &code)).await;
            (undoing, janitor)
        };
        let of_user = format!("users WHERE username = '{}' AND disabled_at IS NULL", user.username);
        match (undoing, janitor.unwrap()) {
            (Ok(()), 0) => {
                assert_eq!(count(&server, &of_user).await, 1);
                undone += 1;
            }
            (Err(refused), 1) => {
                assert_eq!(reason_of(Err::<(), _>(refused)), "CHALLENGE_INVALID");
                assert_eq!(count(&server, &of_user).await, 0);
                ended += 1;
            }
            both => panic!("{both:?}"),
        }
    }
    assert_eq!(undone + ended, 12);
    store.close().await;
}
