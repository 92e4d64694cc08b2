//! Mail.

use std::time::Duration;

use countersign::{delivery::Trust, pb::RegisterRequest};
use rstest::rstest;

use super::{server_with, smtp_to, with_mail};
use crate::{
    harness::{
        Backend, Server,
        certificate::Certificate,
        eventually,
        mail::{MailServer, Mood, Tls},
        reason,
        server::{PASSWORD, registration},
        unique,
    },
    http,
};

/// A user who logs in and does not wait for the code.
async fn log_in(server: &Server) -> String {
    let user = server.user(true).await;
    server.login_only(&user.username, PASSWORD).await.unwrap();
    user.email
}

#[rstest]
#[tokio::test]
async fn the_code_in_the_mail_completes_the_login(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (mail, server) = with_mail(backend).await;
    let user = server.user(true).await;
    let challenge = server.challenge(&user).await;
    let mails = mail.mails();
    assert_eq!(mails[0].to, user.email);
    for expected in [
        "From: Countersign <auth@example.com>",
        &format!("To: {}", user.email),
        "Subject: Your login code\n",
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: All",
        "Content-Type: multipart/alternative;",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Type: text/html; charset=utf-8",
        &format!("Hello {},", user.username),
        "It works for 5 minutes, once.",
    ] {
        assert!(mails[0].text.contains(expected), "{expected}\n{}", mails[0].text);
    }
    server.clock.advance(Duration::from_secs(30));
    server.resend(&challenge).await.unwrap();
    assert!(server.verify(&challenge, &mail.mails()[1].code()).await.is_ok());
}

/// One connection serves several mails.
#[tokio::test]
async fn connections_are_used_again() {
    let (mail, server) = with_mail(Backend::Sqlite).await;
    for _ in 0..3 {
        let user = server.user(true).await;
        server.challenge(&user).await;
    }
    let greetings =
        mail.commands().into_iter().filter(|(command, _)| command.starts_with("EHLO")).count();
    assert_eq!((greetings, mail.mails().len()), (1, 3));
}

#[rstest]
#[case::from_the_first_byte("smtps", "")]
#[case::with_starttls("smtp", "?tls=required")]
#[tokio::test]
async fn mail_goes_encrypted_to_a_server_that_proves_its_name(
    #[case] scheme: &str,
    #[case] query: &str,
) {
    let certificate = Certificate::of("localhost");
    let acceptor = certificate.acceptor.clone();
    let tls = if scheme == "smtps" { Tls::Always(acceptor) } else { Tls::Offered(acceptor) };
    let mail = MailServer::start(tls).await;
    let url = format!("{scheme}://user:p%40ss@localhost:{}{query}", mail.port);
    let server = server_with(Backend::Sqlite, smtp_to(&url, &certificate.trust())).await;
    log_in(&server).await;
    server.delivered().await;
    let commands = mail.commands();
    let private = |(command, encrypted): &(String, bool)| {
        *encrypted || command.starts_with("EHLO") || command == "STARTTLS"
    };
    assert!(commands.iter().all(private), "{commands:?}");
    // What the server said of itself in plaintext is not believed: it is asked again (RFC 3207, section 4.2).
    assert!(commands.contains(&("EHLO me.example".to_owned(), true)), "{commands:?}");
    // user, p@ss: RFC 4616.
    let login = ("AUTH PLAIN AHVzZXIAcEBzcw==".to_owned(), true);
    assert!(commands.contains(&login), "{commands:?}");
    assert_eq!(mail.mails().len(), 1);
}

#[rstest]
#[case::wrong_name("mail.example.com", true, true)]
#[case::nobody_knows_it("localhost", false, true)]
#[case::no_tls_at_all("localhost", true, false)]
#[tokio::test]
async fn a_server_that_does_not_prove_its_name_gets_neither_mail_nor_password(
    #[case] name: &str,
    #[case] trusted: bool,
    #[case] offers_tls: bool,
    #[values("smtps", "smtp")] scheme: &str,
) {
    let certificate = Certificate::of(name);
    let mail = MailServer::start(match (offers_tls, scheme) {
        (false, _) => Tls::None,
        (true, "smtps") => Tls::Always(certificate.acceptor.clone()),
        (true, _) => Tls::Offered(certificate.acceptor.clone()),
    })
    .await;
    let trust = if trusted { certificate.trust() } else { Trust::default() };
    let query = if scheme == "smtp" { "?tls=required" } else { "" };
    let url = format!("{scheme}://user:password@localhost:{}{query}", mail.port);
    let server = server_with(Backend::Sqlite, smtp_to(&url, &trust)).await;
    log_in(&server).await;
    // smtps to a server that speaks first in clear text hangs up on its greeting, too.
    mail.connections(2).await;
    let told = |(command, _): &(String, bool)| {
        ["AUTH", "MAIL", "RCPT", "DATA"].iter().any(|secret| command.starts_with(secret))
    };
    assert!(!mail.commands().iter().any(told), "{:?}", mail.commands());
    assert_eq!(server.database.number("SELECT COUNT(*) FROM outbox").await, 1);
}

/// A careless client takes the line for the first answer under TLS, and each answer for that to the next command: the server's
/// word that it does not want the mail is never read, and the mail counts as delivered.
#[rstest]
#[case::an_answer("", "250 harmless")]
#[case::an_offer_to_log_in("user:password@", "250 AUTH PLAIN")]
#[tokio::test]
async fn a_line_too_much_before_tls_is_not_interpreted_and_ends_the_connection(
    #[case] login: &str,
    #[case] line: &'static str,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let certificate = Certificate::of("localhost");
    let mail = MailServer::start(Tls::Injected(certificate.acceptor.clone(), line)).await;
    mail.set(Mood::Rejecting("554 5.6.0 not this one"));
    let url = format!("smtp://{login}localhost:{}?tls=required", mail.port);
    let server = server_with(backend, smtp_to(&url, &certificate.trust())).await;
    log_in(&server).await;
    let waiting = async || server.database.number("SELECT COUNT(*) FROM outbox").await;
    // Each try makes a connection of its own.
    let tried_twice = || mail.commands().iter().filter(|(told, _)| told == "STARTTLS").count() > 1;
    eventually("two tries, or an end", async || tried_twice() || waiting().await == 0).await;
    let commands = mail.commands();
    let harmless = |(command, encrypted): &(String, bool)| {
        !encrypted && (command == "EHLO me.example" || command == "STARTTLS")
    };
    assert!(commands.iter().all(harmless), "{commands:?}");
    assert!(mail.mails().is_empty());
    assert_eq!(waiting().await, 1);
    let figures = http::get(server.http, "/metrics").await.1;
    assert!(!figures.contains("countersign_outbox_delivered_total{"), "{figures}");
}

#[tokio::test]
async fn a_recipient_that_is_refused_for_good_is_given_up_and_told() {
    let (mail, server) = with_mail(Backend::Sqlite).await;
    mail.set(Mood::Refusing("550 5.1.1 nobody of that name"));
    log_in(&server).await;
    server.delivered().await;
    assert_eq!(mail.mails().len(), 0);
    let figures = http::get(server.http, "/metrics").await.1;
    assert!(figures.contains("countersign_outbox_failed_total{kind=\"login\"} 1"), "{figures}");
}

#[tokio::test]
async fn a_recipient_that_is_refused_for_now_is_tried_again() {
    let (mail, server) = with_mail(Backend::Sqlite).await;
    mail.set(Mood::Refusing("451 4.7.1 come back later"));
    let email = log_in(&server).await;
    let tried = async || {
        server.database.number("SELECT COUNT(*) FROM outbox WHERE tries = 1").await == 1
            && mail.commands().iter().any(|(command, _)| command.starts_with("RCPT"))
    };
    eventually("a try", tried).await;
    mail.set(Mood::Good);
    server.clock.advance(Duration::from_secs(2));
    server.delivered().await;
    assert_eq!(mail.mails()[0].to, email);
}

/// On what was idle, and is about to close, or is closed: nobody waits for the next try.
#[rstest]
#[case::told("421 4.7.0 too long idle")]
#[case::hung_up("")]
#[tokio::test]
async fn an_idle_connection_that_ends_is_replaced_at_once(#[case] last_words: &'static str) {
    let (mail, server) = with_mail(Backend::Sqlite).await;
    let user = server.user(true).await;
    server.challenge(&user).await;
    mail.set(Mood::Once("MAIL", last_words));
    server.challenge(&server.user(true).await).await;
    assert_eq!(mail.mails().len(), 2);
    let greetings = mail.commands().iter().filter(|(told, _)| told == "EHLO me.example").count();
    assert_eq!(greetings, 2);
    // The first try was the one.
    let figures = http::get(server.http, "/metrics").await.1;
    assert!(!figures.contains("countersign_outbox_tries_failed_total{"), "{figures}");
}

/// A fresh connection that says so is a server that is busy: the message waits.
#[tokio::test]
async fn a_server_that_is_busy_is_not_asked_twice_at_once() {
    let (mail, server) = with_mail(Backend::Sqlite).await;
    mail.set(Mood::Once("MAIL", "421 4.3.2 busy"));
    log_in(&server).await;
    let waits = "SELECT COUNT(*) FROM outbox WHERE NOT in_flight AND tries = 1";
    eventually("its pause", async || {
        server.database.number(waits).await == 1 || !mail.mails().is_empty()
    })
    .await;
    server.clock.advance(Duration::from_secs(2));
    server.delivered().await;
    let figures = http::get(server.http, "/metrics").await.1;
    let failed = "countersign_outbox_tries_failed_total{cause=\"away\"} 1";
    assert!(figures.contains(failed), "{figures}");
}

#[tokio::test]
async fn it_takes_leave_when_it_ends_and_after_a_refusal() {
    let (mail, server) = with_mail(Backend::Sqlite).await;
    mail.set(Mood::Once("RCPT", "550 5.1.1 nobody"));
    log_in(&server).await;
    server.delivered().await;
    let quits = || mail.commands().iter().filter(|(told, _)| told == "QUIT").count();
    assert_eq!(quits(), 1);
    log_in(&server).await;
    server.delivered().await;
    assert_eq!(quits(), 1, "the connection is kept for the next mail");
    server.stop().await.unwrap();
    assert_eq!(quits(), 2);
}

/// Both spellings of a domain are one mailbox, and mail goes to the one in ASCII.
#[rstest]
#[tokio::test]
async fn a_domain_that_is_not_ascii_is_one_mailbox_in_all_spellings(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (mail, server) = with_mail(backend).await;
    let name = unique("eva");
    let with = |email: String| RegisterRequest { email, ..registration(true) };
    server.register(with(format!("{name}@Bücher.example"))).await.unwrap();
    for taken in ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example"] {
        let refused = server.register(with(format!("{name}@{taken}"))).await.unwrap_err();
        assert_eq!(reason(&refused), "EMAIL_TAKEN", "{taken}");
    }
    for other in ["faß.example", "fass.example"] {
        server.register(with(format!("{name}@{other}"))).await.unwrap();
    }
    // The server has no SMTPUTF8, and need not.
    mail.set(Mood::Answering("EHLO", "250 test"));
    for (number, typed) in ["bücher.example", "xn--bcher-kva.example"].into_iter().enumerate() {
        server.login(&format!("{name}@{typed}"), PASSWORD).await.unwrap();
        assert_eq!(mail.mails()[number].to, format!("{name}@xn--bcher-kva.example"));
    }
}

/// RFC 6531: a local part has no form in ASCII.
#[tokio::test]
async fn a_local_part_that_is_not_ascii_goes_to_servers_that_take_it() {
    let (mail, server) = with_mail(Backend::Sqlite).await;
    let email = format!("{}ä@bücher.example", unique("eva"));
    let request = RegisterRequest { email, ..registration(true) };
    let user = server.register(request).await.unwrap();
    server.challenge(&user).await;
    assert_eq!(mail.mails()[0].to, user.email.replace("bücher", "xn--bcher-kva"));
    let (mail, server) = with_mail(Backend::Sqlite).await;
    mail.set(Mood::Answering("EHLO", "250 test"));
    let email = user.email.clone();
    let user = server.register(RegisterRequest { email, ..registration(true) }).await.unwrap();
    server.challenge(&user).await;
    assert!(mail.mails().is_empty());
    let figures = http::get(server.http, "/metrics").await.1;
    assert!(figures.contains("countersign_outbox_failed_total{kind=\"login\"} 1"), "{figures}");
}
