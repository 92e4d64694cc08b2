//! Statements that get no answer. A server that is cut off says nothing, and TCP waits for minutes. So whoever waits for
//! longer than a second looks, over a new connection, whether another server has taken the place of the one that was asked.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{super::connector::Opened, Pool, Shared, goodbye, state::Live};
use crate::store::{Error, Result};

/// A statement that takes longer is slow, or will never be answered.
const SLOW: Duration = Duration::from_secs(1);

/// Between two looks for one statement, at the most.
const LOOKS_EVERY: Duration = Duration::from_secs(4);

/// What was found out so recently is not looked for again.
const NEWS: Duration = Duration::from_secs(1);

/// Whose answers come over a connection.
#[derive(Debug, Clone, Default)]
pub(in crate::store::postgres) struct Origin {
    pub(super) started_at: String,
    pub(super) era: u64,
}

/// The server that answered the newest connection.
#[derive(Debug, Default)]
pub(super) struct Newest {
    /// One looks, and the others wait for what it finds.
    looking: tokio::sync::Mutex<()>,
    seen: Mutex<Seen>,
}

/// What was seen last.
#[derive(Debug, Default)]
struct Seen {
    /// When it was asked and when it had answered.
    at: Option<(Instant, Instant)>,
    /// When it was started; nothing where two answered at the same time, and nobody can tell which of them has gone.
    started_at: Option<String>,
}

impl Seen {
    /// Takes note of a server that said between these times when it was started. Of two connections that are made beside each other,
    /// the one that was answered first may be the last to tell. Returns whether another server may have taken the place of the one
    /// before.
    fn note(&mut self, (asked, answered): (Instant, Instant), started_at: &str) -> bool {
        let Some((seen_asked, seen_answered)) = self.at else {
            (self.at, self.started_at) = (Some((asked, answered)), Some(started_at.to_owned()));
            return false;
        };
        let same = self.started_at.as_deref() == Some(started_at);
        if answered < seen_asked {
            return false;
        }
        let beside = !same && asked <= seen_answered;
        let from = if beside { asked.min(seen_asked) } else { asked.max(seen_asked) };
        self.at = Some((from, answered.max(seen_answered)));
        let is_news = !same && (!beside || self.started_at.is_some());
        self.started_at = (!beside).then(|| started_at.to_owned());
        is_news
    }
}

impl Newest {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was seen a moment ago.
    fn news(&self) -> Option<String> {
        let seen = self.seen();
        let is_new = seen.at.is_some_and(|(_, answered)| answered.elapsed() < NEWS);
        seen.started_at.clone().filter(|_| is_new)
    }
}

impl Pool {
    /// Waits for `work`, over a connection of that origin, unless its server is found gone, or the time is up.
    ///
    /// # Errors
    /// There will be no answer. Whether the server has done what it was asked is not known.
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
    /// Ends with an error when another server answers in the place of that one.
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

    /// When the server was started that answers now; nothing where none does.
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

    /// Notes which server answered a new connection. Another one than before is news to the listener.
    pub(super) fn note_server(&self, opened: &Opened) {
        if self.newest.seen().note(opened.asked, &opened.server.started_at) {
            self.changes.send_modify(|changes| *changes += 1);
        }
    }

    /// Waits for no connection any more that is in use: those to a server that is cut off never come back.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is seen after looks from one time to another, in the order in which they tell, and which of them were news.
    fn seen(looks: &[(u64, u64, &str)]) -> (Option<String>, Vec<bool>) {
        let (begin, mut seen) = (Instant::now(), Seen::default());
        let at = |second| begin + Duration::from_secs(second);
        let news = looks
            .iter()
            .map(|(from, to, server)| seen.note((at(*from), at(*to)), server))
            .collect();
        (seen.started_at, news)
    }

    #[test]
    fn the_server_that_answered_last_is_the_newest_whoever_tells_last() {
        let (newest, news) = seen(&[(0, 1, "old"), (2, 3, "old"), (4, 5, "new"), (6, 7, "new")]);
        assert_eq!((newest.as_deref(), news), (Some("new"), vec![false, false, true, false]));
        // The connection to the old server took its time to tell.
        let (newest, news) = seen(&[(0, 1, "old"), (4, 5, "new"), (2, 3, "old")]);
        assert_eq!((newest.as_deref(), news), (Some("new"), vec![false, true, false]));
        let (newest, news) = seen(&[(4, 5, "new"), (2, 3, "old"), (6, 7, "new")]);
        assert_eq!((newest.as_deref(), news), (Some("new"), vec![false; 3]));
    }

    #[test]
    fn of_two_servers_that_answer_at_the_same_time_neither_is_taken_for_gone() {
        let (old, new) = ((0, 9, "old"), (2, 3, "new"));
        for looks in [[old, new], [new, old]] {
            assert_eq!(seen(&looks), (None, vec![false, true]));
            // Nor by one more that began meanwhile; but by the next one.
            let more = [looks[0], looks[1], (9, 10, "new"), (11, 12, "new")];
            assert_eq!(seen(&more[..3]), (None, vec![false, true, false]));
            assert_eq!(seen(&more), (Some("new".into()), vec![false, true, false, true]));
        }
    }
}
