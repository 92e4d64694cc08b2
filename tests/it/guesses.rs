//! Codes of every kind, wherever they can be typed: no guess is free, and many at once get no further than as many in turn.

use countersign::pb::{Challenge, Tokens};
use futures_util::future::join_all;
use rstest::rstest;
use tonic::{Code, Status};

use crate::{
    factors::{answer, begin, confirm, enroll, recovery, totp},
    harness::{
        Backend, Server,
        authenticator::App,
        details, logs, reason_of,
        server::{PASSWORD, wrong},
        violations,
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

    /// What the code's field is called.
    fn field(&self) -> &'static str {
        match self.kind {
            Kind::SentCode => "otp_code",
            Kind::AppsCode | Kind::Enrolment => "totp_code",
            Kind::RecoveryCode => "recovery_code",
            Kind::Verification | Kind::Reset => "code",
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

/// Five digits, letters among six, a sign: nobody guesses with that, and nobody's attempts are spent by it.
#[rstest]
#[tokio::test]
async fn what_can_not_be_a_code_is_a_bad_field_and_costs_nothing(
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
    let right = &open.right;
    let count = async |table: &str| {
        open.server.database.number(&format!("SELECT COUNT(*) FROM {table}")).await
    };
    let before = (count("events").await, count("throttles").await);
    // More than a challenge has attempts, and more than an account has failed codes.
    for round in 0..3 {
        for typed in [
            String::new(),
            " - ".to_owned(),
            "12345".to_owned(),
            "1234567".to_owned(),
            "12345a".to_owned(),
            "+23456".to_owned(),
            format!("{right}0"),
            right[1..].to_owned(),
            format!("U{}", &right[1..]),
        ] {
            let refused = open.answer(&typed).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument, "{round} {typed:?}");
            assert_eq!(violations(&refused), [open.field()], "{typed:?}");
            assert!(typed.len() < 3 || !refused.message().contains(&typed), "{refused:?}");
        }
    }
    assert_eq!((count("events").await, count("throttles").await), before);
    open.answer(right).await.unwrap();
}

/// Nor does the answer to such a text tell whether there is anything that a code could answer.
#[rstest]
#[tokio::test]
async fn what_can_not_be_a_code_has_one_answer_whatever_it_is_for(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let open = Open::start(backend, Kind::Reset).await;
    let unknown = reset(&open.server, "unknown", "12345", NEW_PASSWORD).await.unwrap_err();
    let known = open.answer("12345").await.unwrap_err();
    assert_eq!((known.code(), details(&known)), (unknown.code(), details(&unknown)));
    let open = Open::start(backend, Kind::SentCode).await;
    let challenge = Challenge { challenge_id: "unknown".into(), ..Challenge::default() };
    let unknown = open.server.verify(&challenge, "12345").await.unwrap_err();
    let known = open.answer("12345").await.unwrap_err();
    assert_eq!((known.code(), details(&known)), (unknown.code(), details(&unknown)));
}

#[rstest]
#[tokio::test]
async fn a_code_is_one_guess_however_it_is_spelled(
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
    for typed in spellings(&open.wrong()).into_iter().cycle().take(5) {
        assert_eq!(reason_of(open.answer(&typed).await), "CHALLENGE_INVALID", "{typed:?}");
    }
    assert_eq!(reason_of(open.answer(&open.right).await), "CHALLENGE_EXHAUSTED");
}

#[rstest]
#[tokio::test]
async fn the_right_code_is_right_once_in_whatever_spelling(
    #[values(
        Kind::SentCode,
        Kind::AppsCode,
        Kind::RecoveryCode,
        Kind::Enrolment,
        Kind::Verification,
        Kind::Reset
    )]
    kind: Kind,
    #[values(0, 1, 2, 3)] spelling: usize,
) {
    let open = Open::start(Backend::Sqlite, kind).await;
    open.answer(&spellings(&open.right)[spelling]).await.unwrap();
    for again in spellings(&open.right) {
        assert!(open.answer(&again).await.is_err(), "{again:?}");
    }
}

/// As phones, mails and other keyboards give it.
fn spellings(code: &str) -> [String; 4] {
    let (head, tail) = code.split_at(3);
    let full_width = |c: char| char::from_u32(u32::from(c) + 0xFEE0).unwrap();
    let devanagari = |c: char| match c.to_digit(10) {
        Some(digit) => char::from_u32(0x966 + digit).unwrap(),
        None => c,
    };
    [
        format!(" {head} {tail}\n"),
        code.to_lowercase().chars().map(full_width).collect(),
        format!("\u{200e}{head}\u{2013}{}", tail.chars().map(devanagari).collect::<String>()),
        code.replace('-', "\u{a0}").to_lowercase(),
    ]
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
