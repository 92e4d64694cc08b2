//! A flood of messages holds up nobody else's.

use std::time::Duration;

use countersign::{
    delivery::Trust,
    domain::TrustedProxies,
    pb::{LoginRequest, RequestPasswordResetRequest, User},
};
use futures_util::future::join_all;
use rstest::rstest;
use tonic::Request;

use super::{smtp_to, webhook_to};
use crate::{
    harness::{
        Backend, Server, eventually,
        hook::HookServer,
        mail::{Mail, MailServer, Mood, Tls},
        server::PASSWORD,
        soon,
    },
    http,
};

const FLOOD: usize = 40;

/// A request from somewhere else.
fn from<T>(address: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("x-forwarded-for", address.parse().unwrap());
    request
}

async fn ask_for_reset(server: &Server, address: &str, email: &str) {
    let message = RequestPasswordResetRequest { email: email.into(), ..Default::default() };
    let mut auth = server.auth.clone();
    soon("a reset", auth.request_password_reset(from(address, message))).await.unwrap();
}

async fn log_in(server: &Server, address: &str, username: &str) {
    let (username, password) = (username.to_owned(), PASSWORD.to_owned());
    let message = LoginRequest { username, password, ..Default::default() };
    soon("Login", server.auth.clone().login(from(address, message))).await.unwrap();
}

/// A mail server that can take its time, and a server that believes us about addresses.
async fn with_mail(backend: Backend) -> (MailServer, Server) {
    let mail = MailServer::start(Tls::None).await;
    let url = format!("smtp://127.0.0.1:{}", mail.port);
    let server = Server::start_with(backend, |config, _| {
        config.delivery = smtp_to(&url, &Trust::default());
        config.listen.trusted_proxies = TrustedProxies::parse("127.0.0.0/8").unwrap();
    })
    .await;
    (mail, server)
}

async fn users(server: &Server, number: usize) -> Vec<User> {
    join_all((0..number).map(|_| server.user(true))).await
}

/// Asks for a reset from one address for each of them, one after the other. The mail server says nothing from now on: so this must
/// not take as long as the patience that one has with it.
async fn flood(mail: &MailServer, server: &Server, users: &[User]) {
    mail.set(Mood::Silent);
    for user in users {
        ask_for_reset(server, "192.0.2.66", &user.email).await;
    }
    // Two places are kept.
    mail.connections(6).await;
}

/// The text with the line breaks removed that mails have for their own reasons.
fn unfolded(mail: &Mail) -> String {
    mail.text.replace("=\n", "")
}

#[rstest]
#[tokio::test]
async fn a_flood_from_one_address_holds_up_no_strangers_codes(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (mail, server) = with_mail(backend).await;
    let (victims, strangers) = (users(&server, FLOOD).await, users(&server, 2).await);
    let [reset, login] = strangers.as_slice() else { panic!("two") };
    flood(&mail, &server, &victims).await;
    ask_for_reset(&server, "192.0.2.7", &reset.email).await;
    log_in(&server, "2001:db8::7", &login.username).await;
    // The login does not wait for any of them, however long they take.
    mail.connections(7).await;
    assert_eq!(server.database.number("SELECT COUNT(*) FROM outbox WHERE tries > 0").await, 7);
    mail.set(Mood::Good);
    let mails = mail.wait_for(FLOOD + 2).await;
    let place = |email: &str| mails.iter().position(|mail| mail.to == email).unwrap();
    // Beside them are those that were being sent already, and as many more as may overtake on other connections.
    let (login, reset) = (place(&login.email), place(&reset.email));
    assert!(login < 20, "the login code is number {login}");
    assert!(reset < 20, "the reset code is number {reset}");
    for (mail, address) in [(login, "2001:db8::7"), (reset, "192.0.2.7")] {
        let said = format!("It was asked for from {address}.");
        let text = unfolded(&mails[mail]);
        assert_eq!(text.matches(&said).count(), 2, "text and HTML: {text}");
    }
}

#[rstest]
#[tokio::test]
async fn the_oldest_message_that_is_due_is_measured_by_kind(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (mail, server) = with_mail(backend).await;
    let oldest = async |kind: &str| -> f64 {
        let figures = http::get(server.http, "/metrics").await.1;
        let label = format!("countersign_outbox_oldest_seconds{{kind=\"{kind}\"}} ");
        let line = figures.lines().find_map(|line| line.strip_prefix(&label));
        line.map_or(-1.0, |age| age.parse().unwrap())
    };
    let victims = users(&server, 7).await;
    flood(&mail, &server, &victims).await;
    server.clock.advance(Duration::from_secs(20));
    eventually("an age", async || oldest("code").await >= 20.0).await;
    assert!(oldest("code").await < 60.0);
    assert_eq!((oldest("login_code").await, oldest("notice").await), (0.0, 0.0));
    mail.set(Mood::Good);
    server.delivered().await;
    eventually("none", async || oldest("code").await == 0.0).await;
}

/// Codes say from where they were asked for, notices from where it was done.
#[rstest]
#[tokio::test]
async fn a_webhook_says_which_address_asked(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let hook = HookServer::start(&[], None).await;
    let url = format!("http://127.0.0.1:{}/", hook.port);
    let server = Server::start_with(backend, |config, _| {
        config.delivery = webhook_to(&url, &Trust::default());
        config.listen.trusted_proxies = TrustedProxies::parse("127.0.0.0/8").unwrap();
    })
    .await;
    let user = server.user(true).await;
    log_in(&server, "::ffff:192.0.2.7", &user.username).await;
    let calls = hook.wait_for(1).await;
    assert_eq!(calls[0].json()["address"], "192.0.2.7");
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    server.delete_me(&tokens, PASSWORD).await.unwrap();
    let calls = hook.wait_for(2).await;
    assert_eq!(calls[1].json()["purpose"], "account_deleted");
    assert_eq!(calls[1].json()["address"], "127.0.0.1");
}
