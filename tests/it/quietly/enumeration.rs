//! Nobody learns from Register, nor from what follows, which names and addresses are taken.

use std::collections::BTreeMap;

use countersign::pb::{RegisterRequest, User};
use rstest::rstest;
use tonic::{Code, Status, metadata::MetadataMap};

use super::{register, server, user, verify};
use crate::{
    harness::{
        Backend, Server, details,
        server::{PASSWORD, registration},
        soon,
    },
    mailbox::COOL_DOWN,
};

const RIGHT_FORM: &str = "ABCDE-FGHJK";

/// An error as its caller sees it: every byte.
type Refused = (Code, String, Vec<u8>);

fn refused<T: std::fmt::Debug>(answer: Result<T, Status>) -> Refused {
    let status = answer.unwrap_err();
    (status.code(), status.message().to_owned(), details(&status))
}

/// All that a stranger sees of one registration, from Register to the last code.
#[derive(Debug, PartialEq)]
struct Seen {
    /// Without the id, the name and the address, which are compared with the request.
    user: User,
    id_lengths: (usize, usize),
    headers: Vec<String>,
    logins: Vec<Refused>,
    guesses: Vec<Refused>,
    resent: Result<usize, Refused>,
    too_early: Refused,
}

async fn seen(server: &Server, request: RegisterRequest) -> Seen {
    let answer = soon("Register", server.auth.clone().register(request.clone())).await.unwrap();
    server.delivered().await;
    let headers = names(answer.metadata());
    let registered = answer.into_inner();
    let (user, id) = (registered.user.unwrap(), registered.verification_id);
    assert_eq!((&user.username, &user.email), (&request.username, &request.email));
    assert_eq!(uuid::Uuid::parse_str(&user.id).unwrap().get_version_num(), 7);
    let id_lengths = (user.id.len(), id.len());
    let mut logins = Vec::new();
    for name in [&request.username, &request.email] {
        // As of an account with another password, where there is one.
        logins.push(refused(server.login(name, &request.password).await));
    }
    let mut guesses = Vec::new();
    for _ in 0..6 {
        guesses.push(refused(verify(server, &id, RIGHT_FORM, "").await));
    }
    let resent = crate::mailbox::resend(server, &id).await;
    let resent = resent.map(|id| id.len()).map_err(|status| refused::<()>(Err(status)));
    let too_early = refused(crate::mailbox::resend(server, &id).await);
    server.clock.advance(COOL_DOWN);
    let user = User {
        id: String::new(),
        username: String::new(),
        email: String::new(),
        create_time: None,
        ..user
    };
    Seen { user, id_lengths, headers, logins, guesses, resent, too_early }
}

fn names(metadata: &MetadataMap) -> Vec<String> {
    let mut names: Vec<_> = metadata.keys().map(|key| format!("{key:?}")).collect();
    names.sort();
    names
}

fn another(request: &RegisterRequest) -> RegisterRequest {
    RegisterRequest { password: "another long passphrase".into(), ..request.clone() }
}

/// A free name and address; a taken name; a taken address; both; and such as somebody waits for.
async fn requests(server: &Server) -> [RegisterRequest; 5] {
    let holders = [user(server).await, user(server).await, user(server).await];
    let waits = registration(false);
    register(server, waits.clone()).await.unwrap();
    server.clock.advance(COOL_DOWN);
    [
        registration(false),
        RegisterRequest { username: holders[0].username.to_uppercase(), ..registration(false) },
        RegisterRequest { email: holders[1].email.to_uppercase(), ..registration(false) },
        RegisterRequest {
            username: holders[2].username.clone(),
            email: holders[2].email.clone(),
            ..registration(false)
        },
        waits,
    ]
    .map(|request| another(&request))
}

#[rstest]
#[tokio::test]
async fn what_is_taken_gets_the_answers_of_what_is_free_from_the_first_to_the_last(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let mut all = Vec::new();
    for request in requests(&server).await {
        all.push(seen(&server, request).await);
    }
    assert!(all.iter().all(|one| *one == all[0]), "{all:#?}");
    assert!(all[0].resent.is_ok() && all[0].too_early.0 == Code::ResourceExhausted);
    assert_eq!(all[0].guesses[5].0, Code::FailedPrecondition);
}

/// The same work and the same rows, so that neither the time nor a caller beside it tells: one hash in any case.
#[rstest]
#[tokio::test]
async fn the_same_is_hashed_and_written_whatever_is_taken(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let mut all = Vec::new();
    for request in requests(&server).await {
        let before = (rows(&server).await, hashes(&server).await);
        register(&server, request).await.unwrap();
        let after = (rows(&server).await, hashes(&server).await);
        let more = |(table, rows): (&'static str, i64)| (table, rows - before.0[table]);
        let written: BTreeMap<_, _> = after.0.into_iter().map(more).collect();
        all.push((written, after.1 - before.1));
        server.clock.advance(COOL_DOWN);
    }
    assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
    assert_eq!((all[0].0["pending_users"], all[0].0["mailbox_codes"], all[0].1), (1, 1, 1));
}

/// But for budgets: addresses share those of the service by chance.
async fn rows(server: &Server) -> BTreeMap<&'static str, i64> {
    let mut rows = BTreeMap::new();
    for table in ["users", "pending_users", "mailbox_codes", "events", "sessions"] {
        let count = format!("SELECT COUNT(*) FROM {table}");
        rows.insert(table, server.database.number(&count).await);
    }
    rows
}

/// How many hashes were computed.
async fn hashes(server: &Server) -> i64 {
    let (_, text) = crate::http::get(server.http, "/metrics").await;
    let lines = text.lines().filter(|line| line.starts_with("countersign_password_hashes_total"));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<i64>().unwrap()).sum()
}

/// An hour later as well: whoever registers what is taken uses up no more than others do.
#[rstest]
#[tokio::test]
async fn what_is_taken_costs_no_failures(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let holder = user(&server).await;
    for _ in 0..30 {
        let username = holder.username.clone();
        register(&server, RegisterRequest { username, ..registration(false) }).await.unwrap();
    }
    assert!(server.login(&holder.username, PASSWORD).await.is_ok());
}
