//! The pool's state: waiting callers, idle connections, and counts. No I/O.

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use rand::RngExt as _;
use sqlx::PgConnection;
use tokio::{sync::oneshot, time::Instant};

use crate::store::{Error, PoolUse, postgres::server::Server};

/// Maximum lifetime of a connection, give or take a tenth: connections leave a server that is taken out of service.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// After a refusal the pool does not grow for so long.
const STAYS_SMALL_FOR: Duration = Duration::from_secs(30);

/// A connection with its age.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) connection: PgConnection,
    pub(super) server: Server,
    pub(super) batch: u64,
    pub(super) era: u64,
    pub(super) used_at: Instant,
    expires_at: Instant,
}

impl Live {
    pub(super) fn new(connection: PgConnection, server: Server, batch: u64, era: u64) -> Self {
        let now = Instant::now();
        // Jitter, so that not all expire at once.
        let lifetime = LIFETIME.mul_f64(rand::rng().random_range(0.9..1.1));
        Self { connection, server, batch, era, used_at: now, expires_at: now + lifetime }
    }
}

/// A connection on its way to a caller who waits. If they have gone before they take it, it goes back.
pub(super) struct Handed {
    /// Taken by the caller, or when this is dropped.
    live: Option<Live>,
    back: Box<dyn Fn(Live) + Send>,
}

impl Handed {
    /// The connection, which no longer goes back by this.
    #[expect(clippy::expect_used, reason = "it is taken by what consumes this alone")]
    pub(super) fn take(mut self) -> Live {
        self.live.take().expect("what is handed on has its connection")
    }
}

impl Drop for Handed {
    fn drop(&mut self) {
        if let Some(live) = self.live.take() {
            (self.back)(live);
        }
    }
}

impl fmt::Debug for Handed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handed").field(&self.live).finish()
    }
}

/// What a caller who waits gets: a connection, or why there will be none.
type Answer = Result<Handed, Arc<Error>>;

/// The result for a caller: a connection, or a place in the queue.
#[derive(Debug)]
pub(super) enum Turn {
    Now(Live),
    Wait(oneshot::Receiver<Answer>),
}

/// Whether to open a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    ForOneMore,
    None,
}

#[derive(Debug)]
pub(super) struct State {
    /// The most recently used is last and is used first, so that surplus ones can idle out.
    idle: Vec<Live>,
    waiting: VecDeque<oneshot::Sender<Answer>>,
    /// In use or idle; not counting earlier eras.
    open: u32,
    connecting: u32,
    max: u32,
    /// The number that the server has granted.
    limit: u32,
    small_since: Option<Instant>,
    told_of_too_few: bool,
    batch: u64,
    /// Counts the servers that were found gone: connections in use of an earlier era are written off.
    era: u64,
    failure: Option<Arc<Error>>,
    closed: bool,
}

impl State {
    pub(super) fn new(max: u32) -> Self {
        Self {
            idle: Vec::new(),
            waiting: VecDeque::new(),
            open: 0,
            connecting: 0,
            max,
            limit: max,
            small_since: None,
            told_of_too_few: false,
            batch: 0,
            era: 0,
            failure: None,
            closed: false,
        }
    }

    /// A connection or a place in the queue, and the idle connections to close; `None` when the pool is closed.
    pub(super) fn turn(&mut self) -> Option<(Turn, Vec<Live>)> {
        if self.closed {
            return None;
        }
        let mut outdated = Vec::new();
        while let Some(live) = self.idle.pop() {
            if self.is_of_use(&live) {
                return Some((Turn::Now(live), outdated));
            }
            self.left(&live);
            outdated.push(live);
        }
        let (sender, receiver) = oneshot::channel();
        self.waiting.push_back(sender);
        Some((Turn::Wait(receiver), outdated))
    }

    pub(super) fn is_of_use(&self, live: &Live) -> bool {
        !self.closed && live.batch == self.batch && live.expires_at > Instant::now()
    }

    /// Whether to open a connection: a caller waits, and none is being opened for them. Counts it as begun.
    pub(super) fn room(&mut self) -> Room {
        if self.small_since.is_some_and(|since| since.elapsed() >= STAYS_SMALL_FOR) {
            (self.limit, self.small_since) = (self.max, None);
        }
        self.waiting.retain(|waits| !waits.is_closed());
        let wanted = self.waiting.len() > self.connecting as usize;
        if self.closed || !wanted || self.open + self.connecting >= self.limit {
            return Room::None;
        }
        self.connecting += 1;
        Room::ForOneMore
    }

    /// Takes back the count of a connection that was not begun.
    pub(super) fn not_begun(&mut self) {
        self.connecting -= 1;
    }

    /// A begun connection is open.
    pub(super) fn opened(&mut self, live: &Live) {
        self.connecting -= 1;
        if live.era == self.era {
            self.open += 1;
        }
        self.limit = self.limit.max(self.open);
        self.failure = None;
    }

    /// The server refuses one more: the pool stays at its size. Returns the size, the limit, and whether this is the first
    /// time.
    pub(super) fn too_many(&mut self) -> (u32, u32, bool) {
        self.limit = self.open.max(1);
        self.small_since = Some(Instant::now());
        (self.open, self.max, !std::mem::replace(&mut self.told_of_too_few, true))
    }

    /// A begun connection was refused. `for_good`: a permanent error, for which all waiting callers fail. Returns whether
    /// to retry.
    pub(super) fn refused(&mut self, error: Arc<Error>, for_good: bool) -> bool {
        self.waiting.retain(|waits| !waits.is_closed());
        if for_good && self.open == 0 {
            for waits in self.waiting.drain(..) {
                // Whoever has left needs no answer.
                let _left = waits.send(Err(Arc::clone(&error)));
            }
        }
        self.failure = Some(error);
        let others = self.connecting > 1 || self.open + self.connecting > self.limit;
        let again = !self.closed && !self.waiting.is_empty() && !others;
        if !again {
            self.connecting -= 1;
        }
        again
    }

    /// Hands a connection to the first who still waits, from whom it goes `back` unless they take it, or keeps it.
    pub(super) fn hand_on(&mut self, mut live: Live, back: impl Fn(Live) + Clone + Send + 'static) {
        live.used_at = Instant::now();
        while let Some(waits) = self.waiting.pop_front() {
            let handed = Handed { live: Some(live), back: Box::new(back.clone()) };
            // It must not go back while this is locked: it is taken out.
            match waits.send(Ok(handed)) {
                Err(Ok(handed)) => live = handed.take(),
                Ok(()) | Err(Err(_)) => return,
            }
        }
        self.idle.push(live);
    }

    /// A connection is closed.
    pub(super) fn left(&mut self, live: &Live) {
        if live.era == self.era {
            self.open = self.open.saturating_sub(1);
        }
    }

    pub(super) fn age(&self) -> (u64, u64) {
        (self.batch, self.era)
    }

    /// Outdates all connections. Returns the idle ones.
    pub(super) fn next_batch(&mut self) -> Vec<Live> {
        self.batch += 1;
        let idle = std::mem::take(&mut self.idle);
        idle.iter().for_each(|live| self.left(live));
        idle
    }

    /// The server of all connections is gone: those in use may never come back.
    pub(super) fn next_era(&mut self) {
        self.era += 1;
        self.open = 0;
    }

    pub(super) fn take_idle_for(&mut self, time: Duration) -> Vec<Live> {
        let (keep, idle) = std::mem::take(&mut self.idle)
            .into_iter()
            .partition::<Vec<_>, _>(|live| self.is_of_use(live) && live.used_at.elapsed() < time);
        self.idle = keep;
        idle.iter().for_each(|live| self.left(live));
        idle
    }

    pub(super) fn last_failure(&self) -> Option<Arc<Error>> {
        self.failure.clone()
    }

    pub(super) fn pool_use(&self) -> PoolUse {
        let idle = u32::try_from(self.idle.len()).unwrap_or(u32::MAX);
        PoolUse { open: self.open, idle, max: self.max }
    }

    /// Closes the pool: no caller gets a connection. Returns the idle ones.
    pub(super) fn close(&mut self) -> Vec<Live> {
        self.closed = true;
        self.waiting.clear();
        let idle = std::mem::take(&mut self.idle);
        idle.iter().for_each(|live| self.left(live));
        idle
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Queues so many callers.
    fn waiting(state: &mut State, number: usize) -> Vec<Turn> {
        (0..number).map(|_| state.turn().unwrap().0).collect()
    }

    /// The number of connections that are begun.
    fn begun(state: &mut State) -> usize {
        std::iter::from_fn(|| (state.room() == Room::ForOneMore).then_some(())).count()
    }

    fn away() -> Arc<Error> {
        Arc::new(Error::Unavailable("away".into()))
    }

    #[test]
    fn one_is_opened_for_each_who_waits_and_no_more_than_there_may_be() {
        let mut state = State::new(3);
        assert_eq!(begun(&mut state), 0);
        let mut turns = waiting(&mut state, 2);
        assert_eq!(begun(&mut state), 2);
        turns.extend(waiting(&mut state, 2));
        assert_eq!((begun(&mut state), state.connecting), (1, 3));
        // Whoever has left needs none.
        let mut state = State::new(3);
        let mut turns = waiting(&mut state, 2);
        turns.pop();
        assert_eq!(begun(&mut state), 1);
    }

    /// Otherwise every waiting caller would retry against a server that is away (thundering herd).
    #[test]
    fn of_several_that_are_refused_one_goes_on() {
        let mut state = State::new(8);
        let turns = waiting(&mut state, 3);
        assert_eq!(begun(&mut state), 3);
        let again = [0; 3].map(|_| state.refused(away(), false));
        assert_eq!((again, state.connecting), ([false, false, true], 1));
        drop(turns);
        assert!(!state.refused(away(), false), "nobody waits any more");
        assert_eq!(state.connecting, 0);
    }

    #[test]
    fn what_waiting_does_not_mend_is_told_to_those_who_wait_unless_others_have_connections() {
        for (open, told) in [(0, true), (1, false)] {
            let mut state = State { open, ..State::new(8) };
            let mut turns = waiting(&mut state, 2);
            assert_eq!(begun(&mut state), 2);
            state.refused(away(), true);
            let Some(Turn::Wait(handed)) = turns.first_mut() else { panic!("none is idle") };
            assert_eq!(matches!(handed.try_recv(), Ok(Err(_))), told);
        }
    }

    /// They may never come back.
    #[test]
    fn connections_in_use_of_a_server_that_is_gone_take_no_place() {
        let mut state = State { open: 3, ..State::new(3) };
        let _turns = waiting(&mut state, 2);
        assert_eq!(begun(&mut state), 0);
        state.next_era();
        assert_eq!(begun(&mut state), 2);
    }

    #[test]
    fn a_server_without_place_makes_the_pool_small_and_is_told_of_once() {
        let mut state = State { open: 2, ..State::new(8) };
        let _turns = waiting(&mut state, 4);
        assert_eq!(begun(&mut state), 4);
        assert_eq!(state.too_many(), (2, 8, true));
        assert_eq!([0; 4].map(|_| state.refused(away(), false)), [false; 4]);
        assert_eq!(
            (begun(&mut state), state.connecting),
            (0, 0),
            "who waits gets one that becomes free"
        );
        assert_eq!(state.too_many(), (2, 8, false));
    }
}
