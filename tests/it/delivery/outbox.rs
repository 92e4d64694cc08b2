//! What the outbox promises.

use std::{collections::HashSet, time::Duration};

use countersign::{
    app::{App, Environment},
    domain::Timestamp,
};
use rstest::rstest;
use sqlx::Connection as _;
use tokio::sync::oneshot;

use super::{smtp_to, with_mail};
use crate::{
    harness::{
        Backend, Database, Server,
        clock::TestClock,
        eventually,
        mail::{MailServer, Mood, Tls},
        server::{PASSWORD, config},
        soon,
    },
    http,
};

async fn waiting(database: &Database) -> usize {
    count(database, "").await
}

async fn count(database: &Database, which: &str) -> usize {
    let number = database.number(&format!("SELECT COUNT(*) FROM outbox {which}")).await;
    number.try_into().unwrap()
}

/// Users who log in and do not wait for their codes.
async fn log_in(server: &Server, users: usize) {
    for _ in 0..users {
        let user = server.user(true).await;
        server.login_only(&user.username, PASSWORD).await.unwrap();
    }
}

#[rstest]
#[tokio::test]
async fn an_outage_of_the_mail_server_stops_no_login_and_loses_and_doubles_no_mail(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    const USERS: usize = 24;
    let (mail, server) = with_mail(backend).await;
    log_in(&server, 1).await;
    mail.wait_for(1).await;
    mail.set(Mood::Down);
    log_in(&server, USERS).await;
    assert_eq!(mail.mails().len(), 1);
    let all_tried = async || count(&server.database, "WHERE tries > 0").await == USERS;
    eventually("a try of each", all_tried).await;
    mail.set(Mood::Good);
    // Bit by bit, and not for as long as a lease: what is being sent must not become due.
    let mut seconds = 0;
    eventually("the mails", async || {
        if seconds < 40 {
            server.clock.advance(Duration::from_secs(1));
            seconds += 1;
        }
        waiting(&server.database).await == 0
    })
    .await;
    let mails = mail.mails();
    assert_eq!(mails.len(), USERS + 1);
    assert_eq!(mails.iter().map(|mail| &mail.to).collect::<HashSet<_>>().len(), USERS + 1);
    let figures = http::get(server.http, "/metrics").await.1;
    assert!(figures.contains("countersign_outbox_delivered_total{kind=\"login\"} 25"), "{figures}");
}

/// Killed with eight messages under way, and more that nobody had begun to send.
#[rstest]
#[tokio::test]
async fn what_a_killed_server_has_committed_is_sent_by_the_next_one(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    const USERS: usize = 10;
    let mail = MailServer::start(Tls::None).await;
    mail.set(Mood::Silent);
    let url = format!("smtp://127.0.0.1:{}", mail.port);
    let database = Database::new(backend).await;
    let mut config = config(&database);
    config.delivery = smtp_to(&url, &Default::default());
    let clock = TestClock::default();
    let environment = Environment {
        clock: clock.clock(),
        deliver_every: Duration::from_millis(20),
        ..Environment::default()
    };
    let first = Server::start_on(database, &config, environment.clone(), clock.clone()).await;
    log_in(&first, USERS).await;
    mail.connections(8).await;
    first.ended.abort();
    let Server { mut ended, database, stop, .. } = first;
    assert!(soon("the end", &mut ended).await.unwrap_err().is_cancelled());
    drop(stop);
    mail.set(Mood::Down);
    mail.set(Mood::Good);
    assert_eq!(waiting(&database).await, USERS);
    assert_eq!(mail.mails().len(), 0);

    clock.advance(Duration::from_secs(60));
    config.delivery = smtp_to(&url, &Default::default());
    let second = Server::start_on(database, &config, environment, clock).await;
    second.delivered().await;
    let to: HashSet<_> = mail.mails().into_iter().map(|mail| mail.to).collect();
    assert_eq!((to.len(), mail.mails().len()), (USERS, USERS));
}

#[rstest]
#[tokio::test]
async fn two_replicas_send_each_message_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    const USERS: usize = 20;
    let mail = MailServer::start(Tls::None).await;
    let url = format!("smtp://127.0.0.1:{}", mail.port);
    let database = Database::new(backend).await;
    let mut config = config(&database);
    config.delivery = smtp_to(&url, &Default::default());
    let clock = TestClock::default();
    let environment = Environment {
        clock: clock.clock(),
        deliver_every: Duration::from_millis(1),
        ..Environment::default()
    };
    let other = App::bind(&config, environment.clone()).await.unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let other = tokio::spawn(other.serve(async {
        let _dropped = stopped.await;
    }));
    let server = Server::start_on(database, &config, environment, clock).await;
    log_in(&server, USERS).await;
    server.delivered().await;
    drop(stop);
    soon("the other's end", other).await.unwrap().unwrap();
    assert_eq!(mail.mails().len(), USERS);
}

#[rstest]
#[tokio::test]
async fn nothing_can_be_read_in_the_database_while_it_waits_and_then_it_is_gone(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (mail, server) = with_mail(backend).await;
    mail.set(Mood::Silent);
    let user = server.user(true).await;
    server.login_only(&user.username, PASSWORD).await.unwrap();
    let sealed = sealed(&server.database).await;
    mail.set(Mood::Good);
    let code = mail.wait_for(1).await[0].code();
    for word in [code.as_str(), &user.username, &user.email, "login"] {
        let found = sealed.windows(word.len()).any(|window| window == word.as_bytes());
        assert!(!found, "{word}");
    }
    server.delivered().await;
}

async fn sealed(database: &Database) -> Vec<u8> {
    let sql = "SELECT sealed_message FROM outbox";
    match database.backend {
        Backend::Sqlite => {
            let mut connection = sqlx::SqliteConnection::connect(&database.url).await.unwrap();
            sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
        }
        Backend::Postgres => {
            let mut connection = sqlx::PgConnection::connect(&database.url).await.unwrap();
            sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_code_is_given_up_when_its_challenge_has_expired(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (mail, server) = with_mail(backend).await;
    mail.set(Mood::Down);
    log_in(&server, 1).await;
    mail.connections(1).await;
    let expires: Timestamp = server.clock.now().plus(Duration::from_secs(300));
    server.clock.advance(expires.since(server.clock.now()));
    server.delivered().await;
    mail.set(Mood::Good);
    assert_eq!(mail.mails().len(), 0);
    let figures = http::get(server.http, "/metrics").await.1;
    assert!(figures.contains("countersign_outbox_failed_total{kind=\"login\"} 1"), "{figures}");
}

/// A row that this server can't read (another key, a later release) is left for one that can.
#[rstest]
#[tokio::test]
async fn what_cannot_be_read_is_not_thrown_away(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (mail, server) = with_mail(backend).await;
    mail.set(Mood::Down);
    log_in(&server, 2).await;
    let first = "(SELECT MIN(created_at) FROM outbox)";
    let second = "(SELECT MAX(created_at) FROM outbox)";
    // The ciphertext of one row in another one: the id is part of what is authenticated.
    server
        .database
        .run(&format!(
            "UPDATE outbox SET sealed_message = (SELECT sealed_message FROM outbox WHERE created_at = {second}) \
             WHERE created_at = {first}"
        ))
        .await;
    mail.set(Mood::Good);
    let mut seconds = 0;
    eventually("the readable one", async || {
        if seconds < 40 {
            server.clock.advance(Duration::from_secs(1));
            seconds += 1;
        }
        waiting(&server.database).await == 1 && mail.mails().len() == 1
    })
    .await;
}
