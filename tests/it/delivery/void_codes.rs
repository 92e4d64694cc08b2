//! Codes that no longer work are not sent, and none overtakes another.

use std::time::Duration;

use countersign::pb::{Challenge, RequestPasswordResetRequest, ResendCodeRequest, login_response};
use rstest::rstest;

use super::{sent_in_time, with_impatience, with_mail};
use crate::harness::{Backend, Server, eventually, mail::Mood, reason, server::PASSWORD, soon};

const COOL_DOWN: Duration = Duration::from_secs(30);

async fn begin(server: &Server) -> Challenge {
    let user = server.user(true).await;
    match server.login_only(&user.username, PASSWORD).await.unwrap().result {
        Some(login_response::Result::Challenge(challenge)) => challenge,
        other => panic!("no challenge: {other:?}"),
    }
}

/// Asks for another code, whatever becomes of it.
async fn resend(server: &Server, challenge: &Challenge) {
    let request =
        ResendCodeRequest { challenge_id: challenge.challenge_id.clone(), ..Default::default() };
    soon("ResendCode", server.auth.clone().resend_code(request)).await.unwrap();
}

async fn waiting(server: &Server) -> i64 {
    server.database.number("SELECT COUNT(*) FROM outbox").await
}

#[rstest]
#[tokio::test]
async fn only_the_newest_code_waits_for_a_mail_server_that_is_away(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (mail, server) = with_mail(backend).await;
    mail.set(Mood::Down);
    let challenge = begin(&server).await;
    for _ in 0..3 {
        server.clock.advance(COOL_DOWN);
        resend(&server, &challenge).await;
        // One more while it is just being tried; it is removed when that fails.
        eventually("one", async || waiting(&server).await == 1).await;
    }
    mail.set(Mood::Good);
    sent_in_time(&server).await;
    let mails = mail.mails();
    assert_eq!(mails.len(), 1);
    assert!(server.verify(&challenge, &mails[0].code()).await.is_ok());
}

/// The server has the first mail and takes its time: the second comes after it.
#[rstest]
#[tokio::test]
async fn a_newer_code_comes_after_the_older_one(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (mail, server) = with_mail(backend).await;
    mail.set(Mood::Slow);
    let challenge = begin(&server).await;
    mail.wait_for(1).await;
    server.clock.advance(COOL_DOWN);
    resend(&server, &challenge).await;
    // The worker has looked since, and found somebody else's code.
    begin(&server).await;
    let mails = mail.wait_for(2).await;
    assert_ne!(mails[0].to, mails[1].to);
    mail.set(Mood::Good);
    server.delivered().await;
    let mails = mail.mails();
    assert_eq!((mails.len(), &mails[2].to), (3, &mails[0].to));
    let void = server.verify(&challenge, &mails[0].code()).await.unwrap_err();
    assert_eq!(reason(&void), "CHALLENGE_INVALID");
    assert!(server.verify(&challenge, &mails[2].code()).await.is_ok());
}

/// The server does not have the first one yet: it never gets it, and the newer one need not wait for minutes.
#[rstest]
#[tokio::test]
async fn a_code_that_is_withdrawn_while_it_is_being_sent_is_stopped(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (mail, server) = with_impatience(backend).await;
    mail.set(Mood::Silent);
    let challenge = begin(&server).await;
    mail.connections(1).await;
    server.clock.advance(COOL_DOWN);
    resend(&server, &challenge).await;
    mail.connections(2).await;
    mail.set(Mood::Good);
    server.delivered().await;
    let mails = mail.mails();
    assert_eq!(mails.len(), 1);
    assert!(server.verify(&challenge, &mails[0].code()).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn a_reset_that_is_asked_for_anew_is_sent_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (mail, server) = with_mail(backend).await;
    mail.set(Mood::Down);
    let user = server.user(false).await;
    for _ in 0..3 {
        let email = user.email.clone();
        let request = RequestPasswordResetRequest { email, ..Default::default() };
        soon("a reset", server.auth.clone().request_password_reset(request)).await.unwrap();
        // What is being sent would become due a second time once the lease ends by this clock.
        let rests = "SELECT COUNT(*) FROM outbox WHERE tries > 0 AND NOT in_flight";
        eventually("one", async || {
            server.database.number(rests).await == 1 && waiting(&server).await == 1
        })
        .await;
        server.clock.advance(COOL_DOWN);
    }
    mail.set(Mood::Good);
    sent_in_time(&server).await;
    assert_eq!(mail.mails().len(), 1);
}
