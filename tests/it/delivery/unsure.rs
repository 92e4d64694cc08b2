//! Mails of which nobody knows whether the server has accepted them.

use std::time::Duration;

use rstest::rstest;

use super::{delete_account, with_impatience, with_mail};
use crate::{
    harness::{
        Backend, Server, eventually,
        mail::{MailServer, Mood},
        server::PASSWORD,
    },
    http,
};

/// A user who logs in and does not wait for the code.
async fn log_in(server: &Server) {
    let user = server.user(true).await;
    server.login_only(&user.username, PASSWORD).await.unwrap();
}

async fn count(server: &Server, which: &str) -> i64 {
    server.database.number(&format!("SELECT COUNT(*) FROM outbox WHERE {which}")).await
}

async fn row(server: &Server, column: &str) -> i64 {
    server.database.number(&format!("SELECT CAST({column} AS BIGINT) FROM outbox")).await
}

/// The text of a mail's identity.
fn message_ids(mail: &MailServer) -> Vec<String> {
    mail.mails().iter().map(|mail| mail.header("Message-ID").unwrap().to_owned()).collect()
}

/// What took 22 seconds once made nine copies. The lease is renewed, so that no other replica sends it meanwhile.
#[rstest]
#[tokio::test]
async fn a_server_that_takes_its_time_after_the_final_dot_gets_one_copy(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (mail, server) = with_impatience(backend).await;
    // Whichever of the two claims it renews its lease in time.
    let replica = server.replica(|config, environment| {
        config.delivery = super::smtp_to(
            &format!("smtp://127.0.0.1:{}", mail.port),
            &countersign::delivery::Trust::default(),
        );
        environment.renew_message_every = super::IMPATIENT;
    });
    let replica = replica.await;
    mail.set(Mood::Slow);
    delete_account(&server).await;
    mail.wait_for(1).await;
    // Each time more than half of the lease, and then until it is renewed.
    for minutes in 1..=4_i64 {
        server.clock.advance(Duration::from_secs(40));
        let now = server.clock.now();
        let least = now.plus(Duration::from_secs(30));
        let left = match backend {
            Backend::Sqlite => format!("next_try_at > {}", least.unix_micros()),
            Backend::Postgres => {
                format!("next_try_at > to_timestamp({})", least.unix_micros() / 1_000_000)
            }
        };
        eventually("a renewed lease", async || count(&server, &left).await == 1).await;
        assert_eq!((mail.mails().len(), row(&server, "tries").await), (1, 1), "{minutes}");
    }
    mail.set(Mood::Good);
    server.delivered().await;
    assert_eq!(mail.mails().len(), 1);
    drop(replica);
}

#[rstest]
#[tokio::test]
async fn a_reply_that_is_cut_is_followed_by_two_more_copies_of_the_same_mail_and_no_others(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values("", "250 it wi", "354 go on\r\n", "ok\r\n")] words: &'static str,
) {
    let (mail, server) = with_mail(backend).await;
    mail.set(Mood::Cutting(words));
    delete_account(&server).await;
    for (copies, pause) in [(1, 120), (2, 15 * 60)] {
        mail.wait_for(copies).await;
        let unsure = format!("unsure = {copies}");
        eventually("its pause", async || count(&server, &unsure).await == 1).await;
        // Some ticks pass, and it is not due.
        server.clock.advance(Duration::from_secs(pause - 60));
        log_in_and_out_of_the_way(&server, &mail).await;
        server.clock.advance(Duration::from_secs(60));
    }
    let notices = || {
        let mut ids = message_ids(&mail);
        ids.retain(|id| mail_is_notice(&mail, id));
        ids
    };
    eventually("the third copy", async || notices().len() == 3).await;
    let gone = async || count(&server, "priority = 2").await == 0;
    eventually("the end", gone).await;
    let ids = notices();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let figures = http::get(server.http, "/metrics").await.1;
    let failed = "countersign_outbox_failed_total{kind=\"account_deleted\"} 1";
    assert!(figures.contains(failed), "{figures}");
    assert!(figures.contains("countersign_outbox_tries_failed_total{cause=\"unknown\"}"));
}

/// The worker has looked since: another message was sent. It is the same mail server, so its copies do not count.
async fn log_in_and_out_of_the_way(server: &Server, mail: &MailServer) {
    let before = mail.mails().len();
    log_in(server).await;
    mail.wait_for(before + 1).await;
    server.database.run("DELETE FROM outbox WHERE priority = 0").await;
    let others = mail.mails().iter().filter(|mail| is_notice(mail)).count();
    let codes = mail.mails().len() - others;
    assert_eq!(others, codes, "one copy for each pause");
}

fn is_notice(mail: &crate::harness::mail::Mail) -> bool {
    mail.header("Subject") == Some("Your account was deleted")
}

fn mail_is_notice(server: &MailServer, id: &str) -> bool {
    server.mails().iter().any(|mail| mail.header("Message-ID") == Some(id) && is_notice(mail))
}

/// Eight that a server says nothing about are no reason for the ninth to wait: they give way.
#[tokio::test]
async fn a_login_code_does_not_wait_for_those_that_take_long() {
    let (mail, server) = with_impatience(Backend::Sqlite).await;
    mail.set(Mood::Slow);
    for _ in 0..8 {
        log_in(&server).await;
    }
    mail.wait_for(8).await;
    log_in(&server).await;
    mail.wait_for(9).await;
    assert_eq!(count(&server, "tries = 1").await, 9);
    mail.set(Mood::Good);
    server.delivered().await;
    assert_eq!(mail.mails().len(), 9);
}
