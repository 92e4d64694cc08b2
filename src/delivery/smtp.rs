//! Mail over SMTP. The dialogue is our own: each step has its time limit, and a failure names its step. A client that knows
//! only that a mail "failed" sends it again, although the server may have it.
//!
//! `connect` makes connections, `transaction` sends a mail over one, `judge` classifies failures.

mod auth;
mod connect;
mod dialogue;
#[cfg(test)]
mod dialogue_tests;
mod error;
mod hello;
mod judge;
mod offers;
mod reply;
mod starttls;
mod timeouts;
mod transaction;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use lettre::message::Mailbox;
use tokio_rustls::TlsConnector;
use uuid::Uuid;

use self::{
    connect::Wire,
    dialogue::Dialogue,
    error::Error,
    judge::{is_stale, is_wrong_login, judge},
    timeouts::Timeouts,
};
use super::{
    Failure, Message, Progress, SmtpUrl, Templates, Trust,
    failure::reason,
    mail::{self, Mail},
    pause::Pause,
};
use crate::domain::Timestamp;

pub use self::hello::Hello;

/// The longest idle time of a connection that is reused: servers close theirs after some minutes.
const IDLE: Duration = Duration::from_secs(30);

/// The most idle connections.
const MAX_IDLE: usize = 8;

/// The pause of all logins after a wrong password: servers lock accounts out that fail too often.
const WRONG_LOGIN_PAUSE: Duration = Duration::from_secs(60);

/// The cap of that backoff. A code lives that long: it may still get through once the password is right again.
const LONGEST_LOGIN_PAUSE: Duration = Duration::from_secs(5 * 60);

/// Idle connections (the pool), each with a number.
type Kept = Vec<(u64, Dialogue<Wire>)>;

/// A client of one mail server.
pub struct Smtp {
    url: SmtpUrl,
    tls: TlsConnector,
    from: Mailbox,
    hello: Hello,
    templates: Templates,
    idle: Arc<Mutex<Kept>>,
    kept: AtomicU64,
    pause: Pause,
    /// Held by the one login attempt that probes after a wrong password.
    probing: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smtp").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Smtp {
    /// A client of a mail server, not yet connected. Its EHLO has this host's name.
    ///
    /// # Errors
    /// The TLS library's own.
    pub fn new(
        url: SmtpUrl,
        from: Mailbox,
        templates: Templates,
        trust: &Trust,
    ) -> Result<Self, rustls::Error> {
        Ok(Self {
            url,
            tls: TlsConnector::from(Arc::new(trust.client()?)),
            from,
            hello: Hello::of_host(),
            templates,
            idle: Arc::default(),
            kept: AtomicU64::new(0),
            pause: Pause::default(),
            probing: tokio::sync::Mutex::default(),
        })
    }

    /// The same, with another name for EHLO.
    pub fn named(self, hello: Hello) -> Self {
        Self { hello, ..self }
    }

    /// The server's name, for an operator.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.url.host, self.url.port)
    }

    pub(super) async fn send(
        &self,
        id: Uuid,
        message: &Message,
        now: Timestamp,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let mail = mail::compose(id, message, &self.templates, &self.from, now)?;
        if let Some(mut server) = self.take() {
            match transaction::send(&mut server, &mail, progress).await {
                // A stale connection says nothing about a fresh one.
                Err(error) if is_stale(&error) => {}
                sent => return self.settle(server, sent, &mail).await,
            }
        }
        let mut server = self.connect(&mail).await?;
        let sent = transaction::send(&mut server, &mail, progress).await;
        self.settle(server, sent, &mail).await
    }

    /// Connects and logs in, and leaves.
    pub(super) async fn reach(&self) -> Result<(), String> {
        let server = connect::connect(&self.url, &self.tls, &self.hello, Timeouts::RFC_5321).await;
        server.map_err(|error| reason("the mail server", &error))?.quit().await;
        Ok(())
    }

    /// Sends QUIT on all idle connections: nothing more is sent.
    pub(super) async fn close(&self) {
        let idle = std::mem::take(&mut *lock(&self.idle));
        join_all(idle.into_iter().map(|(_, server)| server.quit())).await;
    }

    /// A fresh connection ready for a mail.
    async fn connect(&self, mail: &Mail) -> Result<Dialogue<Wire>, Failure> {
        self.pause.check()?;
        let _only_one = match self.pause.is_pending() {
            true => Some(self.probing.lock().await),
            false => None,
        };
        // The probe that this one waited for may have failed.
        self.pause.check()?;
        match connect::connect(&self.url, &self.tls, &self.hello, Timeouts::RFC_5321).await {
            Ok(server) => {
                self.pause.end();
                Ok(server)
            }
            Err(error) if is_wrong_login(&error) => {
                let failure = judge(&error, mail);
                Err(self.pause.start(failure, WRONG_LOGIN_PAUSE, LONGEST_LOGIN_PAUSE))
            }
            Err(error) => Err(judge(&error, mail)),
        }
    }

    /// Returns a working connection to the pool, and sends QUIT on one that refused.
    async fn settle(
        &self,
        server: Dialogue<Wire>,
        sent: Result<(), Error>,
        mail: &Mail,
    ) -> Result<(), Failure> {
        match sent {
            Ok(()) => {
                self.keep(server);
                Ok(())
            }
            Err(error) => {
                if connect::is_in_step(&error) {
                    server.quit().await;
                }
                Err(judge(&error, mail))
            }
        }
    }

    /// Takes a connection out of the pool; unless `keep` returns it, its drop closes it.
    fn take(&self) -> Option<Dialogue<Wire>> {
        let (_, mut server) = lock(&self.idle).pop()?;
        server.was_kept();
        Some(server)
    }

    /// Returns a connection to the pool, and sends QUIT once it has been idle too long.
    fn keep(&self, server: Dialogue<Wire>) {
        let number = self.kept.fetch_add(1, Ordering::Relaxed);
        let surplus = {
            let mut idle = lock(&self.idle);
            idle.push((number, server));
            (idle.len() > MAX_IDLE).then(|| idle.remove(0).1)
        };
        let idle = Arc::clone(&self.idle);
        tokio::spawn(async move {
            if let Some(surplus) = surplus {
                surplus.quit().await;
            }
            tokio::time::sleep(IDLE).await;
            let expired = {
                let mut idle = lock(&idle);
                let place = idle.iter().position(|(kept, _)| *kept == number);
                place.map(|place| idle.remove(place).1)
            };
            if let Some(expired) = expired {
                expired.quit().await;
            }
        });
    }
}

fn lock(idle: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
