//! Which server answered the newest connection: that is told from the one before by when it was started.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The age up to which a check's result is reused.
const NEWS: Duration = Duration::from_secs(1);

/// The server behind a connection.
#[derive(Debug, Clone, Default)]
pub(in crate::store::postgres) struct Origin {
    pub(super) started_at: String,
    pub(super) era: u64,
}

/// The server that answered the newest connection.
#[derive(Debug, Default)]
pub(super) struct Newest {
    /// One caller checks, and the others wait for its result.
    pub(super) looking: tokio::sync::Mutex<()>,
    seen: Mutex<Seen>,
}

/// The result of the last check.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The times of its question and answer.
    at: Option<(Instant, Instant)>,
    /// The server's start; `None` where two answered at the same time, so that it is ambiguous which of them is gone.
    started_at: Option<String>,
}

impl Seen {
    /// Notes a server that named its start between these times. Of two concurrent connections, the one that was answered
    /// first may report last. Returns whether another server may have taken over.
    pub(super) fn note(&mut self, (asked, answered): (Instant, Instant), started_at: &str) -> bool {
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
    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The result of a recent check.
    pub(super) fn news(&self) -> Option<String> {
        let seen = self.seen();
        let is_new = seen.at.is_some_and(|(_, answered)| answered.elapsed() < NEWS);
        seen.started_at.clone().filter(|_| is_new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result of checks from one time to another, in the order of their reports, and which of them were changes.
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
        // The connection to the old server reports late.
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
