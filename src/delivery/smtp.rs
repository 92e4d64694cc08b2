//! Mail, over SMTP.
//!
//! `connect` makes the connections. They are kept here and not by lettre: its asynchronous transport limits the time of
//! the TCP connection alone, and a send that is given up leaves a connection in its pool that is in the middle of a
//! dialogue.

mod connect;
mod encrypted;
mod starttls;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use lettre::{
    message::Mailbox,
    transport::smtp::{
        self,
        client::AsyncSmtpConnection,
        extension::ClientId,
        response::{Category, Severity},
    },
};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use uuid::Uuid;

use super::{Failure, Message, SmtpUrl, Templates, Trust, mail, reason};
use crate::domain::Timestamp;

/// From nothing to a server that is ready for mail. One that never says a word is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// From the sender to the server's word that it has the mail.
const DIALOGUE_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a connection may be idle and still be used: servers close theirs after some minutes.
const IDLE: Duration = Duration::from_secs(30);

/// The most idle connections.
const MAX_IDLE: usize = 8;

/// A mail server and what is sent through it.
pub struct Smtp {
    url: SmtpUrl,
    tls: TlsConnector,
    from: Mailbox,
    hello: ClientId,
    templates: Templates,
    idle: Mutex<Vec<(Instant, AsyncSmtpConnection)>>,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smtp").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Smtp {
    /// A mail server; nobody connects to it yet.
    ///
    /// # Errors
    /// The TLS library's own.
    pub fn new(
        url: SmtpUrl,
        from: Mailbox,
        templates: Templates,
        trust: &Trust,
    ) -> Result<Self, rustls::Error> {
        let tls = TlsConnector::from(Arc::new(trust.client()?));
        let hello = ClientId::Domain(from.email.domain().to_owned());
        Ok(Self { url, tls, from, hello, templates, idle: Mutex::default() })
    }

    /// The server, for people.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.url.host, self.url.port)
    }

    pub(super) async fn send(
        &self,
        id: Uuid,
        message: &Message,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let mail = mail::compose(id, message, &self.templates, &self.from, now)?;
        let connected = timeout(CONNECT_TIMEOUT, self.connection()).await;
        let mut connection = connected
            .map_err(|_elapsed| Failure::Later("the mail server does not answer".into()))?
            .map_err(|error| Failure::Later(reason("no connection to the mail server", &error)))?;
        let text = mail.formatted();
        match timeout(DIALOGUE_TIMEOUT, connection.send(mail.envelope(), &text)).await {
            Ok(Ok(_response)) => {
                self.keep(connection);
                Ok(())
            }
            Ok(Err(error)) => Err(refusal(&error)),
            Err(_elapsed) => Err(Failure::Later("the mail server does not answer".into())),
        }
    }

    /// A connection that is ready for a mail. Whoever gets one owns it: it is closed unless it is given back.
    async fn connection(&self) -> Result<AsyncSmtpConnection, connect::Error> {
        while let Some((since, mut connection)) = self.take() {
            if since.elapsed() < IDLE && connection.test_connected().await {
                return Ok(connection);
            }
        }
        connect::connect(&self.url, &self.tls, &self.hello).await
    }

    fn take(&self) -> Option<(Instant, AsyncSmtpConnection)> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push((Instant::now(), connection));
        }
    }
}

/// A refusal of this mail or its recipient (55x) is for good. All else may pass: a full queue, a wrong password, a server
/// that is being set up. RFC 5321, section 4.2.1.
fn refusal(error: &smtp::Error) -> Failure {
    let text = reason("the mail server refused", error);
    let for_good = error.status().is_some_and(|code| {
        code.severity == Severity::PermanentNegativeCompletion
            && code.category == Category::MailSystem
    });
    if for_good { Failure::Refused(text) } else { Failure::Later(text) }
}
