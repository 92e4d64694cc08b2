//! Nobody learns from these RPCs whether an address is anybody's.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use countersign::pb::BeginEmailLoginRequest;
use rstest::rstest;
use tonic::{Code, Status};

use super::{begin, finish, request, server, verified};
use crate::{
    harness::{Backend, Server, details, logs, server::wrong, soon, unique, wait},
    mailbox::COOL_DOWN,
};

/// All that a caller sees: of an id its length, of an error every byte.
#[derive(Debug, PartialEq)]
enum Seen {
    Id(usize, Option<prost_types::Timestamp>),
    LoggedIn,
    Refused(Code, String, Vec<u8>),
}

fn refused(status: &Status) -> Seen {
    Seen::Refused(status.code(), status.message().to_owned(), details(status))
}

/// Addresses as a stranger who tries them out sees them, and the ids that they got.
struct Strangers<'a> {
    server: &'a Server,
    emails: Vec<String>,
    ids: Vec<Vec<String>>,
}

impl Strangers<'_> {
    /// Asks for a code to each address, and sees the same each time.
    async fn begin(&mut self) -> Seen {
        let mut seen = Vec::new();
        for (email, ids) in self.emails.iter().zip(&mut self.ids) {
            seen.push(match begin(self.server, email).await {
                Ok(begun) => {
                    let seen = Seen::Id(begun.login_id.len(), begun.expire_time);
                    ids.push(begun.login_id);
                    seen
                }
                Err(status) => refused(&status),
            });
        }
        same(seen)
    }

    async fn guess(&self, number: usize, code: &str) -> Seen {
        let mut seen = Vec::new();
        for ids in &self.ids {
            let answer = finish(self.server, &ids[number], code).await;
            seen.push(answer.map_or_else(|status| refused(&status), |_| Seen::LoggedIn));
        }
        same(seen)
    }
}

fn same(seen: Vec<Seen>) -> Seen {
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
    seen.into_iter().next().unwrap()
}

fn is(seen: &Seen, expected: Code) -> bool {
    matches!(seen, Seen::Refused(code, ..) if *code == expected)
}

/// From the first code to the last limit: the answers are the same, byte for byte, whatever is behind the address.
#[rstest]
#[tokio::test]
async fn an_address_that_nobody_has_behaves_as_any_other_all_its_life(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let [user, disabled] = [verified(&server, false).await, verified(&server, false).await];
    let with_mailbox = verified(&server, true).await;
    let unverified = server.user(false).await;
    let disable = "UPDATE users SET disabled_at = created_at WHERE username";
    server.database.run(&format!("{disable} = '{}'", disabled.username)).await;
    let nobody = format!("{}@example.com", unique("nobody"));
    let people = [&user, &disabled, &with_mailbox, &unverified];
    let emails: Vec<_> =
        people.map(|user| user.email.clone()).into_iter().chain([nobody]).collect();
    let ids = vec![Vec::new(); emails.len()];
    let mut all = Strangers { server: &server, emails, ids };

    for round in 0..4 {
        assert!(matches!(all.begin().await, Seen::Id(43, Some(_))));
        assert!(is(&all.begin().await, Code::ResourceExhausted), "the cool-down");
        let code = wrong(&logs::code(&user.username));
        for _ in 0..5 {
            assert!(is(&all.guess(round, &code).await, Code::Unauthenticated));
            for no_code in ["", "12345x"] {
                assert!(is(&all.guess(round, no_code).await, Code::InvalidArgument));
            }
        }
        assert!(is(&all.guess(round, &code).await, Code::FailedPrecondition), "no attempts");
        server.clock.advance(COOL_DOWN);
    }
    all.begin().await;
    let code = wrong(&logs::code(&user.username));
    assert!(is(&all.guess(4, &code).await, Code::ResourceExhausted), "twenty failed codes");
    for _ in 0..25 {
        server.clock.advance(COOL_DOWN);
        assert!(matches!(all.begin().await, Seen::Id(43, _)));
    }
    server.clock.advance(COOL_DOWN);
    assert!(is(&all.begin().await, Code::ResourceExhausted), "thirty codes");
    assert!(is(&all.guess(0, &code).await, Code::Unauthenticated), "expired");
    // Whom the codes went to is another matter.
    assert_eq!(people.map(|user| logs::codes(&user.username).len()), [30, 0, 30, 0]);
}

/// A caller beside it can't tell either: the same rows are written.
#[rstest]
#[tokio::test]
async fn the_same_is_written_whether_somebody_gets_the_code_or_not(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let emails = [
        verified(&server, false).await.email,
        server.user(false).await.email,
        format!("{}@example.com", unique("nobody")),
    ];
    let mut written = Vec::new();
    for email in emails {
        let before = rows(&server).await;
        let begun = BeginEmailLoginRequest {
            request_id: uuid::Uuid::now_v7().to_string(),
            ..request(&email)
        };
        let begun = soon("a code", server.auth.clone().begin_email_login(begun)).await.unwrap();
        let id = begun.into_inner().login_id;
        finish(&server, &id, "ZZZZZ-ZZZZZ").await.unwrap_err();
        let after = rows(&server).await;
        let more = |(table, rows): (&'static str, i64)| (table, rows - before[table]);
        written.push(after.into_iter().map(more).collect::<BTreeMap<_, _>>());
    }
    assert!(written.iter().all(|one| *one == written[0]), "{written:?}");
    assert_eq!(written[0]["events"], 2);
}

/// How many rows there are, but for the outbox, which empties itself (`delivery/decoys.rs`), and for budgets: addresses share those of the
/// service by chance.
async fn rows(server: &Server) -> BTreeMap<&'static str, i64> {
    let mut rows = BTreeMap::new();
    for table in ["mailbox_codes", "events", "carried_out", "sessions", "challenges"] {
        let count = format!("SELECT COUNT(*) FROM {table}");
        rows.insert(table, server.database.number(&count).await);
    }
    rows
}

/// How long it takes to find a user and to write to them, or to find none, must not be seen.
#[rstest]
#[tokio::test]
async fn an_answer_takes_its_time_whoever_it_is_for(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let ask = async |email: &str| {
        let asked = Instant::now();
        let mut auth = server.auth.clone();
        let answer = soon("an answer", auth.begin_email_login(request(email))).await;
        assert!(asked.elapsed() >= Duration::from_millis(20));
        answer.map(|_| ())
    };
    let somebody = verified(&server, false).await.email;
    for email in [somebody, format!("{}@example.com", unique("nobody"))] {
        ask(&email).await.unwrap();
        assert_eq!(wait(ask(&email).await), COOL_DOWN);
    }
}
