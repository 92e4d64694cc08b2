//! One connection to a mail server, from its greeting to QUIT. No pipelining: each command waits for its reply.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    time::timeout,
};

use super::{
    error::{Error, Step},
    offers::Offers,
    reply::{self, Reply},
    timeouts::Timeouts,
};

/// A connection that is ready for a mail, or on the way there.
#[derive(Debug)]
pub(super) struct Dialogue<S> {
    stream: BufReader<S>,
    timeouts: Timeouts,
    /// The extensions that the server has announced.
    pub(super) offers: Offers,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Dialogue<S> {
    /// A connection before its greeting.
    pub(super) fn new(stream: S, timeouts: Timeouts) -> Self {
        Self { stream: BufReader::new(stream), timeouts, offers: Offers::default() }
    }

    /// Marks the connection as reused: it may be dead by now.
    pub(super) fn was_kept(&mut self) {
        self.timeouts.mail = self.timeouts.mail_when_kept;
    }

    pub(super) fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    pub(super) async fn greeting(&mut self) -> Result<(), Error> {
        self.reply(Step::Greeting, self.timeouts.greeting, 2).await.map(drop)
    }

    /// Sends EHLO and records the server's extensions.
    pub(super) async fn hello(&mut self, name: &str) -> Result<(), Error> {
        let limit = self.timeouts.command;
        let reply = self.command(Step::Ehlo, &format!("EHLO {name}"), limit, 2).await?;
        self.offers = Offers::of(&reply);
        Ok(())
    }

    /// Sends a command and expects a reply of that class.
    pub(super) async fn command(
        &mut self,
        step: Step,
        line: &str,
        limit: Duration,
        class: u16,
    ) -> Result<Reply, Error> {
        self.write(step, format!("{line}\r\n").as_bytes()).await?;
        self.reply(step, limit, class).await
    }

    /// Writes and flushes, each block within the RFC's time limit.
    pub(super) async fn write(&mut self, step: Step, bytes: &[u8]) -> Result<(), Error> {
        let limit = self.timeouts.block;
        for block in bytes.chunks(16 * 1024) {
            in_time(step, limit, self.stream.write_all(block)).await?;
        }
        in_time(step, limit, self.stream.flush()).await
    }

    pub(super) async fn reply(
        &mut self,
        step: Step,
        limit: Duration,
        class: u16,
    ) -> Result<Reply, Error> {
        let reply = in_time(step, limit, reply::read(&mut self.stream)).await?;
        if reply.is(class) { Ok(reply) } else { Err(Error::Answered { step, reply }) }
    }

    /// Sends QUIT. The reply does not matter.
    pub(super) async fn quit(mut self) {
        let leave = async {
            self.stream.write_all(b"QUIT\r\n").await?;
            self.stream.flush().await?;
            reply::read(&mut self.stream).await?;
            self.stream.shutdown().await
        };
        let _left = timeout(self.timeouts.quit, leave).await;
    }
}

async fn in_time<T>(
    step: Step,
    limit: Duration,
    work: impl Future<Output = io::Result<T>>,
) -> Result<T, Error> {
    match timeout(limit, work).await {
        Ok(done) => done.map_err(|source| Error::Broken { step, source }),
        Err(_elapsed) => Err(Error::Late { step }),
    }
}
