//! A code that nobody gets is written as any other is: who writes beside the request can't tell by how long they wait.

use std::time::Duration;

use countersign::pb::RequestPasswordResetRequest;
use rstest::rstest;

use super::with_mail;
use crate::harness::{Backend, Server, mail::Mood, soon, unique};

/// As many as are sent at a time beside login codes.
const PLACES: usize = 6;

async fn ask_for_reset(server: &Server, email: &str) {
    let request = RequestPasswordResetRequest { email: email.into(), ..Default::default() };
    soon("a reset", server.auth.clone().request_password_reset(request)).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_code_that_nobody_gets_waits_in_the_outbox_and_then_is_gone_unsent(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (mail, server) = with_mail(backend).await;
    mail.set(Mood::Silent);
    for _ in 0..PLACES {
        ask_for_reset(&server, &server.user(false).await.email).await;
    }
    mail.connections(PLACES).await;
    // No worker can claim these now.
    let nobodys = format!("{}@example.com", unique("nobody"));
    ask_for_reset(&server, &nobodys).await;
    // Asked for anew, one takes the place of the other: as with messages.
    server.clock.advance(Duration::from_secs(30));
    ask_for_reset(&server, &nobodys).await;
    let disabled = server.user(false).await;
    server
        .database
        .run(&format!(
            "UPDATE users SET disabled_at = created_at WHERE username = '{}'",
            disabled.username
        ))
        .await;
    ask_for_reset(&server, &disabled.email).await;
    assert_eq!(server.database.number("SELECT COUNT(*) FROM outbox").await, 8);
    mail.set(Mood::Good);
    server.delivered().await;
    assert_eq!(mail.mails().len(), PLACES);
}
