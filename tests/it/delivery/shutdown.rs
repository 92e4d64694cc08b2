//! Messages while the server ends.

use std::time::Duration;

use countersign::delivery::Trust;
use rstest::rstest;

use super::{smtp_to, with_mail};
use crate::harness::{
    Backend, Server,
    mail::{MailServer, Mood, Tls},
    server::PASSWORD,
};

#[rstest]
#[tokio::test]
async fn a_message_that_is_being_sent_may_get_there(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (mail, mut server) = with_mail(backend).await;
    mail.set(Mood::Silent);
    let user = server.user(true).await;
    server.login_only(&user.username, PASSWORD).await.unwrap();
    mail.connections(1).await;
    drop(server.stop.take());
    let channel = server.channel.clone();
    crate::harness::eventually("no more calls", async || {
        let mut auth =
            countersign::pb::auth_service_client::AuthServiceClient::new(channel.clone());
        auth.login(countersign::pb::LoginRequest::default())
            .await
            .is_err_and(|status| status.code() == tonic::Code::Unavailable)
    })
    .await;
    assert!(!server.ended.is_finished());
    mail.set(Mood::Good);
    let ended = crate::harness::soon("the end", &mut server.ended).await.unwrap();
    ended.unwrap();
    assert_eq!(mail.mails().len(), 1);
    server.delivered().await;
}

#[tokio::test]
async fn a_mail_server_that_never_answers_does_not_hold_up_the_end() {
    let mail = MailServer::start(Tls::None).await;
    mail.set(Mood::Silent);
    let url = format!("smtp://127.0.0.1:{}", mail.port);
    let server = Server::start_with(Backend::Sqlite, |config, _| {
        config.delivery = smtp_to(&url, &Trust::default());
        config.listen.shutdown_timeout = Duration::from_millis(50);
    })
    .await;
    let user = server.user(true).await;
    server.login_only(&user.username, PASSWORD).await.unwrap();
    mail.connections(1).await;
    server.stop().await.unwrap();
    assert_eq!(mail.mails().len(), 0);
}
