//! Streams that break, and those that end with what opened them.

use countersign::pb::{ImportOutcome, ImportUsersRequest, ImportUsersResponse, UserRecord};
use rstest::rstest;
use rstest_reuse::apply;
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::{bearing, client, import, rows::row};
use crate::{
    admin::Office,
    harness::{
        Backend, Server,
        oauth::{keeper, machine, operator},
        on_both, reason, soon,
    },
};

/// An open import.
struct Open {
    messages: Sender<ImportUsersRequest>,
    answers: Streaming<ImportUsersResponse>,
}

impl Open {
    async fn begin(server: &Server, token: &str) -> Self {
        let (messages, received) = channel(8);
        let request = bearing(token, ReceiverStream::new(received));
        let answers = soon("ImportUsers", client(server).import_users(request)).await.unwrap();
        Self { messages, answers: answers.into_inner() }
    }

    async fn send(&mut self, users: Vec<UserRecord>) -> Result<ImportUsersResponse, Status> {
        let batch = ImportUsersRequest { users, validate_only: false };
        self.messages.send(batch).await.unwrap();
        soon("results", self.answers.message()).await.map(Option::unwrap)
    }
}

#[apply(on_both)]
#[tokio::test]
async fn what_was_acknowledged_is_there_and_sending_all_again_completes_it(backend: Backend) {
    let office = Office::start(backend).await;
    let (server, token) = (&office.server, &office.tokens.access_token);
    let batches: Vec<Vec<_>> = (0..3).map(|_| (0..20).map(|_| row()).collect()).collect();
    let mut open = Open::begin(server, token).await;
    let first = open.send(batches[0].clone()).await.unwrap();
    let second = open.send(batches[1].clone()).await.unwrap();
    let rows: Vec<_> = first.results.iter().chain(&second.results).map(|of| of.row).collect();
    assert_eq!(rows, (0..40).collect::<Vec<_>>(), "numbered through the stream");
    drop(open);
    let count = "SELECT COUNT(*) FROM users WHERE username LIKE 'row%'";
    assert_eq!(server.database.number(count).await, 40);
    let results = import(server, token, batches.concat()).await;
    let (existing, created): (Vec<_>, Vec<_>) =
        results.iter().partition(|of| of.outcome() == ImportOutcome::Exists);
    assert_eq!((existing.len(), created.len()), (40, 20));
    assert_eq!(server.database.number(count).await, 60);
}

#[apply(on_both)]
#[tokio::test]
async fn an_import_ends_with_the_session_the_role_or_the_key_that_opened_it(backend: Backend) {
    let office = Office::start(backend).await;
    let server = &office.server;
    let writer = machine(server, "admin").await;
    let mut by_key = Open::begin(server, &writer.key).await;
    let mut by_role = Open::begin(server, &office.tokens.access_token).await;
    let session = server.session(&office.admin).await;
    let mut by_session = Open::begin(server, &session.access_token).await;
    for open in [&mut by_key, &mut by_role, &mut by_session] {
        open.send(vec![row()]).await.unwrap();
    }
    keeper(server).await.disable(&operator(), &writer.name).await.unwrap();
    server.logout(&session.refresh_token).await.unwrap();
    let refused = by_session.send(vec![row()]).await.unwrap_err();
    assert_eq!(reason(&refused), "TOKEN_INVALID");
    let role = format!("UPDATE users SET roles = '' WHERE username = '{}'", office.admin.username);
    server.database.run(&role).await;
    let refused = by_role.send(vec![row()]).await.unwrap_err();
    assert_eq!(reason(&refused), "PERMISSION_MISSING");
    // A replica may know a key for half a second.
    server.clock.advance(std::time::Duration::from_secs(1));
    let mut last = None;
    crate::harness::eventually("the key is known no more", async || {
        if last.is_none() {
            last = by_key.send(vec![row()]).await.err();
        }
        last.is_some()
    })
    .await;
    assert_eq!(reason(&last.unwrap()), "INVALID_CREDENTIALS");
}
