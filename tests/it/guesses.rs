//! Codes of every kind, wherever they can be typed: no guess is free, and many at once get no further than as many in turn.

use countersign::pb::{Challenge, Tokens};
use futures_util::future::join_all;
use rstest::rstest;
use tonic::Status;

use crate::{
    factors::{answer, begin, confirm, enroll, recovery, totp},
    harness::{
        Backend, Server,
        authenticator::App,
        logs, reason_of,
        server::{PASSWORD, wrong},
    },
    mailbox::{NEW_PASSWORD, open_reset, open_verification, reset, verify_email},
};

#[derive(Debug, Clone, Copy)]
enum Kind {
    SentCode,
    AppsCode,
    RecoveryCode,
    Enrolment,
    Verification,
    Reset,
}

/// What can be answered with a code.
enum Asked {
    Challenge(Challenge),
    Enrolment(Tokens, String),
    Id(String),
}

struct Open {
    server: Server,
    kind: Kind,
    asked: Asked,
    right: String,
}

impl Open {
    async fn start(backend: Backend, kind: Kind) -> Self {
        let server = Server::start(backend).await;
        server.clock.stop();
        let user = server.user(matches!(kind, Kind::SentCode)).await;
        let (asked, right) = match kind {
            Kind::SentCode => {
                let challenge = server.challenge(&user).await;
                (Asked::Challenge(challenge), logs::code(&user.username))
            }
            Kind::AppsCode | Kind::RecoveryCode => {
                let (app, codes) = enroll(&server, &server.session(&user).await).await;
                server.clock.advance(std::time::Duration::from_secs(30));
                let right = if matches!(kind, Kind::RecoveryCode) {
                    codes[0].clone()
                } else {
                    app.code_at(&server.clock)
                };
                (Asked::Challenge(server.challenge(&user).await), right)
            }
            Kind::Enrolment => {
                let tokens = server.session(&user).await;
                let begun = begin(&server, &tokens, PASSWORD).await.unwrap();
                let right = App::scan(&begun.otpauth_uri).code_at(&server.clock);
                (Asked::Enrolment(tokens, begun.enrollment_id), right)
            }
            Kind::Verification => {
                let (id, right) = open_verification(&server, &user).await;
                (Asked::Id(id), right)
            }
            Kind::Reset => {
                let (id, right) = open_reset(&server, &user).await;
                (Asked::Id(id), right)
            }
        };
        Self { server, kind, asked, right }
    }

    async fn answer(&self, code: &str) -> Result<(), Status> {
        let server = &self.server;
        match (&self.asked, self.kind) {
            (Asked::Challenge(challenge), Kind::AppsCode) => {
                answer(server, challenge, totp(code)).await.map(drop)
            }
            (Asked::Challenge(challenge), Kind::RecoveryCode) => {
                answer(server, challenge, recovery(code)).await.map(drop)
            }
            (Asked::Challenge(challenge), _) => server.verify(challenge, code).await.map(drop),
            (Asked::Enrolment(tokens, id), _) => confirm(server, tokens, id, code).await.map(drop),
            (Asked::Id(id), Kind::Verification) => verify_email(server, id, code).await,
            (Asked::Id(id), _) => reset(server, id, code, NEW_PASSWORD).await,
        }
    }

    /// A code of the right form that is not the right one.
    fn wrong(&self) -> String {
        wrong(&self.right)
    }
}

#[rstest]
#[tokio::test]
async fn the_right_code_is_right(
    #[values(
        Kind::SentCode,
        Kind::AppsCode,
        Kind::RecoveryCode,
        Kind::Enrolment,
        Kind::Verification,
        Kind::Reset
    )]
    kind: Kind,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let open = Open::start(backend, kind).await;
    assert_eq!(reason_of(open.answer(&open.wrong()).await), "CHALLENGE_INVALID");
    open.answer(&open.right).await.unwrap();
}

/// Recovery codes are typed with blanks or without: theirs are among the tests of recovery codes.
#[rstest]
#[tokio::test]
async fn a_code_of_another_form_is_refused_and_counted(
    #[values(Kind::SentCode, Kind::AppsCode, Kind::Enrolment, Kind::Verification, Kind::Reset)]
    kind: Kind,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let open = Open::start(backend, kind).await;
    let right = &open.right;
    let full_width: String =
        right.chars().map(|digit| char::from_u32(digit as u32 + 0xFEE0).unwrap()).collect();
    for typed in [
        format!("{right}0"),
        right[1..].to_owned(),
        full_width,
        format!("+{}", &right[1..]),
        String::new(),
    ] {
        assert_eq!(reason_of(open.answer(&typed).await), "CHALLENGE_INVALID", "{typed:?}");
    }
    assert_eq!(reason_of(open.answer(right).await), "CHALLENGE_EXHAUSTED");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_200_guesses_in_parallel_five_are_evaluated(
    #[values(
        Kind::SentCode,
        Kind::AppsCode,
        Kind::RecoveryCode,
        Kind::Enrolment,
        Kind::Verification,
        Kind::Reset
    )]
    kind: Kind,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let open = Open::start(backend, kind).await;
    let guess = open.wrong();
    let answers = join_all((0..200).map(|_| open.answer(&guess))).await;
    let reasons: Vec<_> = answers.into_iter().map(reason_of).collect();
    let count = |wanted: &str| reasons.iter().filter(|reason| *reason == wanted).count();
    assert_eq!((count("CHALLENGE_INVALID"), count("CHALLENGE_EXHAUSTED")), (5, 195), "{kind:?}");
    assert_eq!(reason_of(open.answer(&open.right).await), "CHALLENGE_EXHAUSTED");
}
