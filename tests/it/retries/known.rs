//! The same request again.

use std::time::Duration;

use rstest::rstest;
use tonic::Code;

use super::{CHANGES, Change, asking, mails, new_id, send};
use crate::harness::{Backend, Server, eventually, reason, server::wrong, violations};

const MINUTE: Duration = Duration::from_secs(60);

#[rstest]
#[tokio::test]
async fn it_is_carried_out_once_and_gets_the_same_answer(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    for change in CHANGES {
        let (asking, id) = (asking(&server, change).await, new_id());
        let first = send(&server, &asking, change, &id).await.unwrap();
        let done = (events(&server).await, mails(&server, &asking.user).await);
        // Codes for a challenge last five minutes.
        server.clock.advance(if change == Change::Resend { MINUTE } else { 9 * MINUTE });
        for _ in 0..2 {
            assert_eq!(send(&server, &asking, change, &id).await.unwrap(), first, "{change:?}");
        }
        let now = (events(&server).await, mails(&server, &asking.user).await);
        assert_eq!(now, done, "{change:?}");
    }
}

#[rstest]
#[tokio::test]
async fn it_is_another_request_without_an_id_with_another_and_after_ten_minutes(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    for change in CHANGES {
        let again_with = |id: &str| match id {
            "" => (String::new(), Duration::ZERO),
            "other" => (new_id(), Duration::ZERO),
            same => (same.to_owned(), 10 * MINUTE),
        };
        let same = new_id();
        for id in ["", "other", &same] {
            let asking = asking(&server, change).await;
            let first = send(&server, &asking, change, &same).await.unwrap();
            let (id, later) = again_with(id);
            server.clock.advance(later);
            let again = send(&server, &asking, change, &id).await;
            let outcome = match &again {
                Ok(answer) => if *answer == first { "the same" } else { "made again" }.to_owned(),
                Err(refused) => reason(refused),
            };
            let expected = match change {
                Change::Password => "INVALID_CREDENTIALS",
                Change::Deletion | Change::Confirm => "TOKEN_INVALID",
                Change::Begin => "made again",
                // A second factor by mail is proof for five minutes.
                Change::RecoveryCodes if !later.is_zero() => "REAUTHENTICATION_REQUIRED",
                Change::RecoveryCodes => "made again",
                Change::Resend if !later.is_zero() => "CHALLENGE_INVALID",
                Change::Resend => "THROTTLED",
                Change::Reset => "CHALLENGE_INVALID",
            };
            assert_eq!(outcome, expected, "{change:?} {later:?}");
        }
    }
}

/// What was refused was not carried out.
#[rstest]
#[tokio::test]
async fn after_a_refusal_it_can_be_mended_and_sent_with_the_same_id(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    for change in CHANGES.into_iter().filter(|change| *change != Change::Resend) {
        let (mut asking, id) = (asking(&server, change).await, new_id());
        let right = (asking.password.clone(), asking.code.clone());
        asking.password = "not the password".to_owned();
        if !asking.code.is_empty() {
            asking.code = wrong(&right.1);
        }
        let refused = send(&server, &asking, change, &id).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{change:?}");
        (asking.password, asking.code) = right;
        send(&server, &asking, change, &id).await.unwrap();
    }
}

#[tokio::test]
async fn its_id_is_a_uuid() {
    let server = Server::start(Backend::Sqlite).await;
    for change in CHANGES {
        let asking = asking(&server, change).await;
        for bad in ["retry-1", &"1".repeat(65)] {
            let refused = send(&server, &asking, change, bad).await.unwrap_err();
            assert_eq!(violations(&refused), ["request_id"], "{change:?}");
        }
    }
}

#[rstest]
#[tokio::test]
async fn the_stored_answer_tells_nothing_and_is_removed(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |_, environment| {
        environment.clean_every = Duration::from_millis(5);
    })
    .await;
    let kept = async || server.database.number("SELECT COUNT(*) FROM carried_out").await;
    let asking = asking(&server, Change::Confirm).await;
    let codes = send(&server, &asking, Change::Confirm, &new_id()).await.unwrap();
    let hex = match backend {
        Backend::Sqlite => "hex(sealed_answer)",
        Backend::Postgres => "upper(encode(sealed_answer, 'hex'))",
    };
    let holds = async |text: &str| {
        let text: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
        let sql = format!("SELECT COUNT(*) FROM carried_out WHERE {hex} LIKE '%{text}%'");
        server.database.number(&sql).await
    };
    for code in codes.replace('-', "").split(' ') {
        assert_eq!(holds(code).await, 0);
    }
    assert_eq!((kept().await, holds("").await), (1, 1));
    server.clock.advance(10 * MINUTE + Duration::from_secs(1));
    eventually("the removal", async || kept().await == 0).await;
}

async fn events(server: &Server) -> i64 {
    server.database.number("SELECT COUNT(*) FROM events").await
}
