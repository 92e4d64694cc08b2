//! Which refusals are for good, and what a mail server that is set up wrongly does to messages: nothing.

use std::time::Duration;

use rstest::rstest;

use super::{sent_in_time, server_with, smtp_to, with_mail};
use crate::{
    harness::{
        Backend, Server,
        certificate::Certificate,
        eventually, logs,
        mail::{MailServer, Mood, Tls},
        server::PASSWORD,
    },
    http,
};

async fn log_in(server: &Server) -> String {
    let user = server.user(true).await;
    server.login_only(&user.username, PASSWORD).await.unwrap();
    user.email
}

async fn waiting(server: &Server) -> i64 {
    server.database.number("SELECT COUNT(*) FROM outbox").await
}

async fn tries(server: &Server) -> i64 {
    server.database.number("SELECT CAST(COALESCE(MAX(tries), 0) AS BIGINT) FROM outbox").await
}

/// Lets pauses pass until there were so many tries.
async fn tried(server: &Server, number: i64) {
    eventually("tries", async || {
        let tries = tries(server).await;
        if tries < number {
            server.clock.advance(Duration::from_millis(500));
        }
        tries >= number
    })
    .await;
}

async fn figure(server: &Server, name: &str) -> Option<String> {
    let figures = http::get(server.http, "/metrics").await.1;
    figures.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
}

/// Each of these was seen from a server that was set up wrongly, or a sender that was limited.
#[rstest]
#[case::sender_not_owned("MAIL", "553 5.7.1 <auth@example.com>: sender not owned by user", "setup")]
#[case::hello("EHLO", "554 5.7.1 helo refused", "setup")]
#[case::data("DATA", "554 5.5.1 no valid recipients", "setup")]
#[case::rate("RCPT", "550 5.7.1 rate limited, unique-text-1", "recipient")]
#[case::quota("RCPT", "550 5.4.5 daily quota exceeded", "recipient")]
#[case::without_enhanced_code("RCPT", "550 relay not permitted", "recipient")]
#[case::full("RCPT", "452 4.2.2 mailbox full", "recipient")]
#[tokio::test]
async fn what_is_not_about_the_mailbox_keeps_the_message(
    #[case] command: &'static str,
    #[case] answer: &'static str,
    #[case] cause: &str,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (mail, server) = with_mail(backend).await;
    mail.set(Mood::Answering(command, answer));
    log_in(&server).await;
    tried(&server, 3).await;
    assert_eq!((waiting(&server).await, mail.mails().len()), (1, 0));
    let failed = format!("countersign_outbox_tries_failed_total{{cause=\"{cause}\"}}");
    eventually("its count", async || figure(&server, &failed).await.is_some()).await;
    let trouble = "countersign_outbox_trouble{cause=\"setup\"}";
    let expected = (cause == "setup").then(|| "1".to_owned());
    assert_eq!(figure(&server, trouble).await, expected);
    mail.set(Mood::Good);
    sent_in_time(&server).await;
    assert_eq!(mail.mails().len(), 1);
    assert_eq!(figure(&server, trouble).await, Some("0".to_owned()));
    assert_eq!(figure(&server, "countersign_outbox_failed_total").await, None);
}

#[tokio::test]
async fn a_mail_that_is_refused_after_its_text_is_kept() {
    let (mail, server) = with_mail(Backend::Sqlite).await;
    mail.set(Mood::Rejecting("550 5.7.1 looks like spam"));
    log_in(&server).await;
    tried(&server, 3).await;
    assert_eq!((waiting(&server).await, mail.mails().len()), (1, 0));
    assert!(figure(&server, "countersign_outbox_trouble{cause=\"setup\"} 1").await.is_some());
}

/// One line, however many tries; with the server's words once, and without the recipient.
#[tokio::test]
async fn an_alarm_is_one_line_of_the_log_without_the_recipient() {
    let (mail, server) = with_mail(Backend::Sqlite).await;
    mail.set(Mood::Rejecting("550 5.7.1 unique-words-2 for alice@example.com"));
    let email = log_in(&server).await;
    tried(&server, 4).await;
    let lines = logs::events_with("unique-words-2");
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let why = lines[0]["why"].as_str().unwrap();
    assert_eq!(why, "the mail server: its reply to the mail was 550 5.7.1 unique-words-2 for …");
    assert_eq!(lines[0]["level"], "ERROR");
    assert!(!lines[0].to_string().contains(email.split('@').next().unwrap()));
}

/// A greylisted recipient is no trouble, and those who get their mail are no end of one.
#[tokio::test]
async fn one_recipient_who_waits_is_not_told_at_all() {
    let (mail, server) = with_mail(Backend::Sqlite).await;
    for _ in 0..3 {
        mail.set(Mood::Once("RCPT", "451 4.7.1 greylisted, unique-words-3"));
        log_in(&server).await;
        eventually("a refusal", async || {
            mail.commands().iter().filter(|(command, _)| command == "QUIT").count() > 0
        })
        .await;
        log_in(&server).await;
        server.clock.advance(Duration::from_secs(5));
        server.delivered().await;
    }
    assert_eq!(mail.mails().len(), 6);
    assert!(logs::events_with("unique-words-3").is_empty());
    let trouble = "countersign_outbox_trouble{cause=\"away\"} 1";
    assert_eq!(figure(&server, trouble).await, None);
}

/// A server that does not relay, or has this host on a list, says so of each recipient: one line and the metric, when that has been
/// so for a while, until somebody gets a mail.
#[rstest]
#[case::not_relayed("554 5.7.1 relay access denied, unique-words-5a", "unique-words-5a")]
#[case::put_off_by_reputation("450 4.7.0 unique-words-5b", "unique-words-5b")]
#[case::without_enhanced_code("550 unique-words-5c", "unique-words-5c")]
#[tokio::test]
async fn recipients_who_are_all_refused_for_a_while_are_trouble(
    #[case] answer: &'static str,
    #[case] words: &str,
) {
    let (mail, server) = with_mail(Backend::Sqlite).await;
    mail.set(Mood::Answering("RCPT", answer));
    let trouble = "countersign_outbox_trouble{cause=\"recipients\"}";
    for _ in 0..3 {
        log_in(&server).await;
    }
    tried(&server, 4).await;
    assert_eq!(figure(&server, trouble).await, None, "it may pass");
    server.clock.advance(Duration::from_secs(6 * 60));
    for _ in 0..2 {
        log_in(&server).await;
    }
    let is = async |value: &str| figure(&server, trouble).await.as_deref() == Some(value);
    eventually("the alarm", async || is("1").await).await;
    let lines = logs::events_with(words);
    let alarms: Vec<_> = lines.iter().filter(|line| line["level"] == "ERROR").collect();
    assert_eq!(alarms.len(), 1, "{lines:#?}");
    assert!(!alarms[0].to_string().contains('@'));
    mail.set(Mood::Good);
    sent_in_time(&server).await;
    assert!(is("0").await);
}

/// Servers lock accounts out that fail too often.
#[rstest]
#[tokio::test]
async fn a_wrong_password_is_tried_once_for_all_messages(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let certificate = Certificate::of("localhost");
    let mail = MailServer::start(Tls::Always(certificate.acceptor.clone())).await;
    mail.set(Mood::Answering("AUTH", "535 5.7.8 unique-words-4"));
    let url = format!("smtps://user:password@localhost:{}", mail.port);
    let server = server_with(backend, smtp_to(&url, &certificate.trust())).await;
    let passwords =
        || mail.commands().iter().filter(|(command, _)| command.starts_with("AUTH")).count();
    log_in(&server).await;
    let failed = "countersign_outbox_tries_failed_total{cause=\"setup\"}";
    eventually("a failure", async || figure(&server, failed).await.is_some()).await;
    assert_eq!(passwords(), 1);
    for _ in 0..3 {
        log_in(&server).await;
    }
    // Such a text may repeat the password.
    let lines = logs::events_with("refuses user and password: 535 5.7.8");
    assert!(!lines.is_empty() && logs::events_with("unique-words-4").is_empty(), "{lines:?}");
    // The pause goes by the monotonic clock: no time of day makes it shorter.
    for tries in 1..=2 {
        // One that is on its way now would rest from a later time on.
        let at_rest =
            format!("SELECT COUNT(*) FROM outbox WHERE tries = {tries} AND NOT in_flight");
        eventually("a rest", async || server.database.number(&at_rest).await >= 1).await;
        server.clock.advance(Duration::from_secs(61));
        let all = format!("SELECT COUNT(*) FROM outbox WHERE tries > {tries}");
        eventually("tries", async || server.database.number(&all).await >= 1).await;
    }
    assert_eq!((passwords(), waiting(&server).await), (1, 4));
    assert!(figure(&server, "countersign_outbox_trouble{cause=\"setup\"} 1").await.is_some());
}
