//! Supervises unanswered statements. An unreachable server does not answer, and TCP waits for minutes. So after a second
//! the caller checks, over a new connection, whether another server has taken over (fail-over).

use std::{convert::Infallible, sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{
    Pool,
    newest::Origin,
    shared::{Shared, goodbye},
    state::Live,
};
use crate::store::{Error, Result, postgres::connector::Opened};

/// A statement that takes longer is slow, or will never be answered.
const SLOW: Duration = Duration::from_secs(1);

/// The interval between two checks for one statement.
const LOOKS_EVERY: Duration = Duration::from_secs(4);

impl Pool {
    /// Waits for `work`, over a connection of that origin, unless its server is found gone, or the time is up.
    ///
    /// # Errors
    /// There will be no answer. Whether the server has executed the request is unknown.
    pub(in crate::store::postgres) async fn supervised<T>(
        &self,
        origin: &Origin,
        deadline: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            gone = Box::pin(self.0.loss_of(origin)) => gone.map(|never| match never {}),
            () = sleep(deadline) => Err(Error::Unavailable("the database did not answer in time".into())),
        }
    }
}

impl Shared {
    /// Fails once another server answers in the place of that one.
    async fn loss_of(self: &Arc<Self>, origin: &Origin) -> Result<Infallible> {
        let mut pause = SLOW;
        loop {
            sleep(pause).await;
            pause = (pause * 2).min(LOOKS_EVERY);
            let newest = self.newest_server().await;
            if newest.is_some_and(|started_at| started_at != origin.started_at) {
                self.server_is_gone(origin);
                let gone = "the server that was asked is gone: another one has taken its place";
                return Err(Error::Unavailable(gone.into()));
            }
        }
    }

    /// The start of the server that answers now; `None` where none does.
    async fn newest_server(self: &Arc<Self>) -> Option<String> {
        let _looking = self.newest.looking.lock().await;
        if let Some(started_at) = self.newest.news() {
            return Some(started_at);
        }
        let opened = self.connector.open().await.ok()?;
        self.note_server(&opened);
        goodbye(Live::new(opened.connection, opened.server, 0, 0));
        self.newest.news()
    }

    /// Notes the server of a new connection. A change of servers is announced to the listener.
    pub(super) fn note_server(&self, opened: &Opened) {
        if self.newest.seen().note(opened.asked, &opened.server.started_at) {
            self.changes.send_modify(|changes| *changes += 1);
        }
    }

    /// Writes off all connections in use: those to an unreachable server never come back.
    fn server_is_gone(self: &Arc<Self>, origin: &Origin) {
        let idle = {
            let mut state = self.lock();
            if state.age().1 != origin.era {
                return;
            }
            let idle = state.next_batch();
            state.next_era();
            idle
        };
        tracing::info!(
            "another server has taken the place of the database's: its connections are given up"
        );
        idle.into_iter().for_each(goodbye);
        let room = self.lock().room();
        self.fill(room);
        self.changes.send_modify(|changes| *changes += 1);
    }
}
