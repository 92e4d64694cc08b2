//! The same request many times at once, as a caller sends it whose deadline was too short.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use rstest::rstest;

use super::{CHANGES, Change, asking, mails, new_id, send};
use crate::{
    factors,
    harness::{Backend, Server, reason},
};

#[rstest]
#[tokio::test]
async fn all_get_the_same_answer_and_one_is_carried_out(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    for change in CHANGES {
        assert_eq!(
            made_by(&server, change, 4).await,
            made_by(&server, change, 1).await,
            "{change:?}"
        );
    }
}

/// The events and mails of a change that is sent so many times at once.
async fn made_by(server: &Server, change: Change, times: usize) -> (i64, usize) {
    let (asking, id) = (asking(server, change).await, new_id());
    let before = (events(server).await, mails(server, &asking.user).await);
    let answers = join_all((0..times).map(|_| send(server, &asking, change, &id))).await;
    let answers: BTreeSet<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.len(), 1, "{change:?}");
    (events(server).await - before.0, mails(server, &asking.user).await - before.1)
}

/// The second factor is used up by the first of them, before it is carried out: the others are refused then, and get its answer
/// when they ask again.
#[rstest]
#[tokio::test]
async fn a_second_factor_is_taken_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (tokens, app) = factors::stale_session(&server).await;
    let (code, id) = (app.code_at(&server.clock), new_id());
    let ask = || factors::regenerate_by(&server, &tokens, &code, &id);
    let mut codes = BTreeSet::new();
    for answer in join_all((0..4).map(|_| ask())).await {
        match answer {
            Ok(answer) => drop(codes.insert(answer)),
            Err(refused) => assert_eq!(reason(&refused), "INVALID_CREDENTIALS"),
        }
    }
    codes.insert(ask().await.unwrap());
    assert_eq!(codes.len(), 1);
    let replaced = "SELECT COUNT(*) FROM events WHERE kind = 'recovery_codes_replaced'";
    assert_eq!(server.database.number(replaced).await, 1);
}

async fn events(server: &Server) -> i64 {
    server.database.number("SELECT COUNT(*) FROM events").await
}
