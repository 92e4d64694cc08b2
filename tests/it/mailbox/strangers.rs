//! Nobody learns from these RPCs whether an address is anybody's.

use std::time::Duration;

use rstest::rstest;
use tonic::{Code, Status};

use super::{COOL_DOWN, NEW_PASSWORD, open_reset, request_reset_from, reset};
use crate::harness::{Backend, Server, details, logs, server::wrong, unique};

/// All that a caller sees: of an id its length, of an error every byte.
#[derive(Debug, PartialEq)]
enum Seen {
    Id(usize, Option<prost_types::Timestamp>),
    Nothing,
    Refused(Code, String, Vec<u8>),
}

impl Seen {
    fn refused(refused: &Status) -> Self {
        Self::Refused(refused.code(), refused.message().to_owned(), details(refused))
    }

    fn of(answer: Result<(), Status>) -> Self {
        answer.map_or_else(|refused| Self::refused(&refused), |()| Self::Nothing)
    }
}

/// An address as a stranger who tries it out sees it.
struct Address {
    email: String,
    ids: Vec<String>,
}

/// Whose code is known: the stranger sees to it that every guess is wrong.
struct Strangers<'a> {
    server: &'a Server,
    addresses: Vec<Address>,
}

impl Strangers<'_> {
    /// Does one thing with each address, and sees the same each time.
    async fn begin(&mut self) -> Seen {
        let mut seen = Vec::new();
        for address in &mut self.addresses {
            seen.push(match request_reset_from(self.server, &address.email, "").await {
                Ok(reset) => {
                    let seen = Seen::Id(reset.reset_id.len(), reset.expire_time);
                    address.ids.push(reset.reset_id);
                    seen
                }
                Err(refused) => Seen::refused(&refused),
            });
        }
        same(seen)
    }

    async fn guess(&self, number: usize, code: &str) -> Seen {
        let mut seen = Vec::new();
        for address in &self.addresses {
            let answer = reset(self.server, &address.ids[number], code, NEW_PASSWORD).await;
            seen.push(Seen::of(answer));
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

/// From the first code to the last limit: the answers for an address that is somebody's, one that is nobody's, and those
/// that are sent nothing for other reasons are the same, byte for byte.
#[rstest]
#[tokio::test]
async fn an_address_that_nobody_has_behaves_as_any_other_all_its_life(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let [user, disabled, verified] =
        [server.user(false).await, server.user(false).await, server.user(false).await];
    let set = |what, name| format!("UPDATE users SET {what} WHERE username = '{name}'");
    server.database.run(&set("disabled_at = created_at", &disabled.username)).await;
    server.database.run(&set("email_verified = (1 = 1)", &verified.username)).await;
    let nobody = format!("{}@example.com", unique("nobody"));
    let emails = [&user.email, &disabled.email, &verified.email, &nobody];
    let addresses = emails.map(|email| Address { email: email.clone(), ids: Vec::new() }).into();
    let mut all = Strangers { server: &server, addresses };

    for round in 0..4 {
        assert!(matches!(all.begin().await, Seen::Id(43, _)));
        assert!(is(&all.begin().await, Code::ResourceExhausted), "the cool-down");
        let code = wrong(&logs::code(&user.username));
        for _ in 0..5 {
            assert!(is(&all.guess(round, &code).await, Code::PermissionDenied));
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
    assert!(is(&all.guess(0, &code).await, Code::PermissionDenied), "expired");
    // Whom the codes went to is another matter.
    let got = |name| logs::codes(name).len();
    assert_eq!(
        [got(&user.username), got(&disabled.username), got(&verified.username)],
        [30, 0, 30]
    );
}

/// A stranger's id for an address outlives whatever its owner does: no answer tells that there was a reset, or an owner.
#[rstest]
#[case::reset("")]
#[case::deleted("DELETE FROM users")]
#[tokio::test]
async fn what_the_owner_does_meanwhile_is_not_seen_by_a_stranger(
    #[case] change: &str,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    let emails = [user.email.clone(), format!("{}@example.com", unique("nobody"))];
    let addresses = emails.map(|email| Address { email, ids: Vec::new() }).into();
    let mut all = Strangers { server: &server, addresses };
    all.begin().await;
    let stranger_code = logs::code(&user.username);
    server.clock.advance(COOL_DOWN);
    if change.is_empty() {
        let (id, code) = open_reset(&server, &user).await;
        reset(&server, &id, &code, NEW_PASSWORD).await.unwrap();
    } else {
        server.database.run(change).await;
    }
    for _ in 0..5 {
        let seen = all.guess(0, &wrong(&stranger_code)).await;
        assert!(is(&seen, Code::PermissionDenied));
    }
    assert!(is(&all.guess(0, &stranger_code).await, Code::FailedPrecondition));
    server.clock.advance(Duration::from_secs(300));
    assert!(is(&all.guess(0, &stranger_code).await, Code::PermissionDenied));
}
