//! Messages on their way to people: the outbox, and what takes them there.

mod decoys;
mod fairness;
mod outbox;
mod refusals;
mod shutdown;
mod smtp;
mod unsure;
mod void_codes;
pub mod webhook;

use std::{sync::Arc, time::Duration};

use countersign::delivery::{
    Delivery, Hello, HookUrl, Secret, Smtp, SmtpUrl, Templates, Trust, Webhook,
};

use crate::harness::{
    Backend, Server, eventually,
    mail::{MailServer, Tls},
    server::PASSWORD,
};

/// 32 bytes, as an operator would make them.
const SECRET: &str = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=";

fn smtp_to(url: &str, trust: &Trust) -> Delivery {
    let from = "Countersign <auth@example.com>".parse().unwrap();
    let templates = Templates::load(None).unwrap();
    let smtp = Smtp::new(SmtpUrl::parse(url).unwrap(), from, templates, trust).unwrap();
    Delivery::Smtp(Arc::new(smtp.named(Hello::parse("me.example").unwrap())))
}

pub fn webhook_to(url: &str, trust: &Trust) -> Delivery {
    let (url, secret) = (HookUrl::parse(url).unwrap(), Secret::parse(SECRET).unwrap());
    Delivery::Webhook(Arc::new(Webhook::new(url, secret, trust).unwrap()))
}

async fn server_with(backend: Backend, delivery: Delivery) -> Server {
    Server::start_with(backend, |config, _| config.delivery = delivery).await
}

/// How often the lease of a message that takes long is renewed, where a test moves the clock.
const IMPATIENT: Duration = Duration::from_millis(20);

/// The same; and a message that takes long is noticed at once.
async fn with_impatience(backend: Backend) -> (MailServer, Server) {
    let mail = MailServer::start(Tls::None).await;
    let url = format!("smtp://127.0.0.1:{}", mail.port);
    let server = Server::start_with(backend, |config, environment| {
        config.delivery = smtp_to(&url, &Trust::default());
        environment.renew_message_every = IMPATIENT;
    })
    .await;
    (mail, server)
}

/// Lets pauses pass until all is sent: bit by bit, and not for as long as a lease, for what is being sent must not become due.
async fn sent_in_time(server: &Server) {
    let mut seconds = 0;
    eventually("the mails", async || {
        if seconds < 40 {
            server.clock.advance(Duration::from_secs(1));
            seconds += 1;
        }
        server.database.number("SELECT COUNT(*) FROM outbox").await == 0
    })
    .await;
}

/// A mail server without TLS, and a server that sends through it.
async fn with_mail(backend: Backend) -> (MailServer, Server) {
    let mail = MailServer::start(Tls::None).await;
    let url = format!("smtp://127.0.0.1:{}", mail.port);
    let server = server_with(backend, smtp_to(&url, &Trust::default())).await;
    (mail, server)
}

/// A notice, which is worth sending for days.
async fn delete_account(server: &Server) {
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    server.delete_me(&tokens, PASSWORD).await.unwrap();
}
