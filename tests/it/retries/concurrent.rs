//! The same request many times at once, as a caller sends it whose deadline was too short.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use rstest::rstest;

use super::{CHANGES, asking, new_id, send};
use crate::harness::{Backend, Server};

#[rstest]
#[tokio::test]
async fn all_get_the_same_answer_and_one_was_carried_out(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    for change in CHANGES {
        let (asking, id) = (asking(&server, change).await, new_id());
        let sent = async || server.database.number("SELECT COUNT(*) FROM carried_out").await;
        let before = sent().await;
        let calls = (0..4).map(|_| send(&server, &asking, change, &id));
        let answers: Vec<_> = join_all(calls).await;
        // Attempts that come before the answer is there are refused as any that are too many: none is wrong.
        let answers: BTreeSet<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.len(), 1, "{change:?}");
        assert_eq!(sent().await, before + 1, "{change:?}");
    }
}
