//! Messages on their way to people: the outbox, and what takes them there.

mod decoys;
mod fairness;
mod outbox;
mod shutdown;
mod smtp;
mod webhook;

use std::sync::Arc;

use countersign::delivery::{Delivery, HookUrl, Secret, Smtp, SmtpUrl, Templates, Trust, Webhook};

use crate::harness::{
    Backend, Server,
    mail::{MailServer, Tls},
};

/// 32 bytes, as an operator would make them.
const SECRET: &str = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=";

fn smtp_to(url: &str, trust: &Trust) -> Delivery {
    let from = "Countersign <auth@example.com>".parse().unwrap();
    let templates = Templates::load(None).unwrap();
    let smtp = Smtp::new(SmtpUrl::parse(url).unwrap(), from, templates, trust).unwrap();
    Delivery::Smtp(Arc::new(smtp))
}

pub fn webhook_to(url: &str, trust: &Trust) -> Delivery {
    let (url, secret) = (HookUrl::parse(url).unwrap(), Secret::parse(SECRET).unwrap());
    Delivery::Webhook(Arc::new(Webhook::new(url, secret, trust).unwrap()))
}

async fn server_with(backend: Backend, delivery: Delivery) -> Server {
    Server::start_with(backend, |config, _| config.delivery = delivery).await
}

/// A mail server without TLS, and a server that sends through it.
async fn with_mail(backend: Backend) -> (MailServer, Server) {
    let mail = MailServer::start(Tls::None).await;
    let url = format!("smtp://127.0.0.1:{}", mail.port);
    let server = server_with(backend, smtp_to(&url, &Trust::default())).await;
    (mail, server)
}
