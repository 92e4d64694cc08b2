//! A server that posts events, and who receives them.

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use countersign::{
    app::Environment,
    config::Config,
    domain::{Actor, Event, EventKind, PrivateNetworks},
    pb::{
        CreateSubscriptionRequest, CreateSubscriptionResponse, DeleteSubscriptionRequest,
        ListSubscriptionsRequest, Subscription, Tokens, User,
    },
};
use tonic::{Response, Status};

use super::{admin, user_with};
use crate::harness::{
    Backend, Server, eventually,
    hook::{Call, HookServer},
    server::bearer,
    soon,
};

pub struct Posting {
    pub server: Server,
    pub tokens: Tokens,
    user: User,
}

impl Posting {
    /// A server that may post to this machine, and an administrator.
    pub async fn start(backend: Backend) -> Self {
        Self::with(backend, open_loopback).await
    }

    pub async fn with(
        backend: Backend,
        change: impl FnOnce(&mut Config, &mut Environment),
    ) -> Self {
        let server = Server::start_with(backend, change).await;
        let (user, tokens) = user_with(&server, "admin").await;
        Self { server, tokens, user }
    }

    pub async fn create(
        &self,
        request: CreateSubscriptionRequest,
    ) -> Result<CreateSubscriptionResponse, Status> {
        let request = bearer(&self.tokens, request);
        let created = soon("creating", admin(&self.server).create_subscription(request)).await;
        created.map(Response::into_inner)
    }

    /// A subscription to these kinds. Gives its id and secret.
    pub async fn subscribe(&self, hook: &HookServer, kinds: &[&str]) -> (String, String) {
        let url = format!("http://127.0.0.1:{}/events?from=countersign", hook.port);
        let created = self.create(subscription(&url, kinds)).await.unwrap();
        (created.subscription.unwrap().id, created.secret)
    }

    pub async fn subscriptions(&self) -> Vec<Subscription> {
        // The clock may have been put forward: the first token has expired by then.
        let tokens = self.server.session(&self.user).await;
        let request = bearer(&tokens, ListSubscriptionsRequest {});
        let listed = soon("listing", admin(&self.server).list_subscriptions(request)).await;
        listed.unwrap().into_inner().subscriptions
    }

    pub async fn delete(&self, id: &str) -> Result<(), Status> {
        let request = bearer(&self.tokens, DeleteSubscriptionRequest { id: id.to_owned() });
        soon("deleting", admin(&self.server).delete_subscription(request)).await.map(|_| ())
    }

    /// Writes an event, and gives its id.
    pub async fn event(&self, kind: EventKind) -> String {
        let event = Event::of(kind, None, None, Actor::Operator, None, self.server.clock.now());
        let store = self.server.database.store().await;
        store.event_append(event.clone(), None).await.unwrap();
        store.close().await;
        event.id.to_string()
    }

    /// Waits until nothing waits for a subscription any more.
    pub async fn posted(&self) {
        let waiting = "SELECT (SELECT COUNT(*) FROM outbox) + (SELECT COUNT(*) FROM events WHERE seq IS NULL) + \
             (SELECT COUNT(*) FROM subscriptions WHERE disabled_at IS NULL AND seq < (SELECT seq FROM event_head))";
        let done = async || self.server.database.number(waiting).await == 0;
        eventually("the deliveries", done).await;
    }
}

pub fn open_loopback(config: &mut Config, _: &mut Environment) {
    config.assertions.networks = PrivateNetworks::parse("127.0.0.0/8").unwrap();
}

pub fn subscription(url: &str, kinds: &[&str]) -> CreateSubscriptionRequest {
    let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    let subscription = Some(Subscription { url: url.to_owned(), kinds, ..Subscription::default() });
    CreateSubscriptionRequest { subscription, ..CreateSubscriptionRequest::default() }
}

/// What a receiver does: the signature over id, time and body, and the time itself (standardwebhooks.com).
pub fn is_genuine(call: &Call, body: &[u8], secret: &str, now: i64) -> bool {
    let secret = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let (id, timestamp) = (call.header("webhook-id"), call.header("webhook-timestamp"));
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), &signed);
    let right = format!("v1,{}", BASE64_STANDARD.encode(tag));
    let age = now - timestamp.parse::<i64>().unwrap();
    call.header("webhook-signature") == right && age.abs() <= 300
}

/// The ids of calls.
pub fn ids(calls: &[Call]) -> Vec<String> {
    calls.iter().map(|call| call.header("webhook-id").to_owned()).collect()
}
