//! IntrospectToken from memory: what ends a token early is known in time, on every replica (ADR 39).

mod memory;
mod model;
mod own;
mod services;
mod ways;

use std::time::Duration;

use countersign::{
    app::{self, Environment, Parts},
    config::Config,
    pb::{IntrospectTokenRequest, WatchRevocationsRequest},
};

use crate::{
    admin::Office,
    harness::{Backend, Server, server::config, soon},
    service_accounts::operations,
};

/// So rarely that in a test it never happens again.
const NEVER: Duration = Duration::from_secs(3600);

/// Two replicas on a clock that stands still. Neither reads the log unless it is told to, so that what they have read stays
/// current: the server (on Postgres it may hear of an end), and the parts of another one.
struct Scene {
    office: Box<Office>,
    other: Box<Parts>,
}

impl Scene {
    async fn start(backend: Backend) -> Self {
        Self::start_with(backend, |_config| {}).await
    }

    async fn start_with(backend: Backend, change: impl Fn(&mut Config)) -> Self {
        let server = Box::pin(Server::start_with(backend, |config, environment| {
            environment.revocations.poll_every = NEVER;
            change(config);
        }));
        let office = Box::new(Box::pin(Office::of(server.await)).await);
        let server = &office.server;
        server.clock.stop();
        let mut config = config(&server.database);
        change(&mut config);
        let clock = server.clock.clock();
        let environment = Environment { clock, ..Environment::default() };
        let other = Box::pin(app::parts(&config, &environment)).await;
        let scene = Self { office, other: Box::new(other.unwrap()) };
        scene.read().await;
        // What is issued from now on is newer than what they have read.
        scene.server().clock.advance(Duration::from_secs(10));
        scene
    }

    fn server(&self) -> &Server {
        &self.office.server
    }

    /// Both replicas read the log.
    async fn read(&self) {
        read(self.server()).await;
        self.other.revocations.read().await.unwrap();
    }

    /// `end` runs on the server, and ends the tokens `ended` and no others.
    fn ends<'a, T>(
        &'a self,
        ended: &'a [&'a str],
        kept: &'a [&'a str],
        end: impl Future<Output = T> + 'a,
    ) -> impl Future<Output = T> + 'a {
        // A large future.
        let end = Box::pin(end);
        async move {
            self.all_are_active(&[ended, kept].concat()).await;
            let done = end.await;
            for token in ended {
                assert!(!is_active(self.server(), token).await, "on the replica that ended it");
                assert!(self.is_active_elsewhere(token).await, "what was not read can't be known");
            }
            self.have_ended(ended, kept).await;
            done
        }
    }

    /// `end` is a command beside the servers.
    async fn ends_beside<T>(
        &self,
        ended: &[&str],
        kept: &[&str],
        end: impl Future<Output = T>,
    ) -> T {
        self.all_are_active(&[ended, kept].concat()).await;
        let done = Box::pin(end).await;
        self.have_ended(ended, kept).await;
        done
    }

    async fn all_are_active(&self, tokens: &[&str]) {
        self.read().await;
        for token in tokens {
            assert!(is_active(self.server(), token).await && self.is_active_elsewhere(token).await);
        }
    }

    /// By the log alone.
    async fn have_ended(&self, ended: &[&str], kept: &[&str]) {
        self.read().await;
        let asked = self.asked().await;
        for token in ended {
            assert!(!is_active(self.server(), token).await, "on the server, once it has read");
            assert!(!self.is_active_elsewhere(token).await, "on the other, once it has read");
        }
        for token in kept {
            assert!(is_active(self.server(), token).await && self.is_active_elsewhere(token).await);
        }
        assert_eq!(self.asked().await, asked, "the database was asked");
    }

    async fn is_active_elsewhere(&self, token: &str) -> bool {
        self.other.verdicts.introspect_token(token).await.unwrap().is_some()
    }

    /// How often the server has asked the database about a token.
    async fn asked(&self) -> u64 {
        asked(self.server()).await
    }
}

async fn is_active(server: &Server, token: &str) -> bool {
    let request = IntrospectTokenRequest { token: token.to_owned() };
    let mut tokens = server.tokens.clone();
    soon("IntrospectToken", tokens.introspect_token(request)).await.unwrap().into_inner().active
}

/// The server reads the log: a new stream begins with that.
pub async fn read(server: &Server) {
    let mut tokens = server.tokens.clone();
    let opened = tokens.watch_revocations(WatchRevocationsRequest::default());
    soon("WatchRevocations", opened).await.unwrap();
}

async fn asked(server: &Server) -> u64 {
    operations(server, "session_live").await + operations(server, "service_token_account").await
}
