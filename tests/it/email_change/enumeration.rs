//! Whoever asks for an address learns nothing of another account that has it.

use std::collections::BTreeMap;

use rstest::rstest;

use super::{another_address, ask, confirm, user, verified_user, verifying};
use crate::harness::{Backend, Server, logs, reason_of, server::PASSWORD};

const RIGHT_FORM: &str = "ABCDE-FGHJK";

/// What a request leaves in the tables, and what its id answers.
async fn seen(server: &Server, new_email: &str) -> (BTreeMap<&'static str, i64>, Vec<String>) {
    let (_, tokens) = user(server).await;
    let mut count = BTreeMap::new();
    let tables = ["mailbox_codes", "events", "carried_out"];
    let mut before = BTreeMap::new();
    for table in tables {
        before.insert(table, rows(server, table).await);
    }
    let asked = ask(server, &tokens, new_email, PASSWORD).await.unwrap();
    assert_eq!(asked.change_id.len(), 43);
    for table in tables {
        count.insert(table, rows(server, table).await - before[table]);
    }
    let mut answers = Vec::new();
    for _ in 0..6 {
        answers.push(reason_of(confirm(server, &tokens, (&asked.change_id, RIGHT_FORM)).await));
    }
    (count, answers)
}

async fn rows(server: &Server, table: &str) -> i64 {
    server.database.number(&format!("SELECT COUNT(*) FROM {table}")).await
}

#[rstest]
#[tokio::test]
async fn a_taken_address_gets_the_answer_of_a_free_one_and_its_owner_hears_of_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = verifying(backend).await;
    let (owner, _) = verified_user(&server).await;
    let told = logs::messages(&owner.username).len();
    let taken = seen(&server, &owner.email).await;
    let free = seen(&server, &another_address()).await;
    assert_eq!(taken, free);
    assert_eq!(taken.1[..5], ["CHALLENGE_INVALID"; 5]);
    assert_eq!(taken.1[5], "CHALLENGE_EXHAUSTED");
    let told = logs::messages(&owner.username).split_off(told);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (&told[0]["purpose"], &told[0]["destination"]),
        (&"email_in_use".into(), &owner.email.into())
    );
    let addressed = "SELECT COUNT(*) FROM mailbox_codes WHERE new_email IS NOT NULL";
    assert_eq!(server.database.number(addressed).await, 1, "the free one");
}

/// Where addresses are not verified, whoever has one has it for good, as Register sees it.
#[rstest]
#[tokio::test]
async fn without_verification_an_address_is_taken_by_whoever_has_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (owner, tokens) = user(&server).await;
    assert_eq!(seen(&server, &owner.email).await, seen(&server, &another_address()).await);
    assert_eq!(logs::notices(&owner.username), ["email_in_use"]);
    assert!(server.me(&tokens).await.is_ok(), "the account is there");
}
