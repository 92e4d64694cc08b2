//! Concurrency limits of a worker (bulkheads), and what the next claim may take (backpressure).

use std::sync::Arc;

use crate::store::{self, ClaimedMessage, Priority};

/// As many connections as a mail server is likely to grant.
const ALL: usize = 8;

/// Two places are reserved for login codes: a slow mail server must not delay a login behind other messages.
const OTHERS: usize = 6;

/// Slow deliveries give up their places and continue beside them, up to this number: a mail server that hangs for ten
/// minutes must neither stop all mail nor get an unbounded number of connections.
const SLOW: usize = 24;

/// The slow places that are not reserved for login codes.
const SLOW_OTHERS: usize = 16;

/// The places of a worker.
#[derive(Debug, Default)]
pub(super) struct Places {
    swift: Room,
    slow: Room,
}

/// Places of one kind, counted by references.
#[derive(Debug, Default)]
struct Room {
    all: Arc<()>,
    others: Arc<()>,
}

/// A message's place, freed on drop.
#[derive(Debug)]
pub(super) struct Place {
    priority: Priority,
    is_slow: bool,
    _one: Arc<()>,
    _other: Option<Arc<()>>,
}

/// The kinds of messages that may be left to claim.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct More {
    login_codes: bool,
    others: bool,
}

impl Places {
    /// The free places.
    pub(super) fn free(&self) -> store::Places {
        self.swift.free(ALL, OTHERS)
    }

    pub(super) fn take(&self, priority: Priority) -> Place {
        self.swift.take(priority, false)
    }

    /// Moves a slow message out of its place, if there is room among the slow ones. Returns whether that freed a place.
    pub(super) fn make_way(&self, place: &mut Place) -> bool {
        let free = self.slow.free(SLOW, SLOW_OTHERS);
        let room = if place.priority == Priority::LoginCode { free.all } else { free.others };
        if place.is_slow || room == 0 {
            return false;
        }
        *place = self.slow.take(place.priority, true);
        true
    }
}

impl Room {
    fn free(&self, all: usize, others: usize) -> store::Places {
        let free = |of: &Arc<()>, most: usize| (most + 1).saturating_sub(Arc::strong_count(of));
        let all = free(&self.all, all);
        store::Places { all, others: all.min(free(&self.others, others)) }
    }

    fn take(&self, priority: Priority, is_slow: bool) -> Place {
        let other = (priority != Priority::LoginCode).then(|| Arc::clone(&self.others));
        Place { priority, is_slow, _one: Arc::clone(&self.all), _other: other }
    }
}

impl More {
    /// Any kind may be left.
    pub(super) const ANY: Self = Self { login_codes: true, others: true };

    /// The kinds that may be left after a claim: those whose places were all filled.
    pub(super) fn after(claimed: &[ClaimedMessage], places: store::Places) -> Self {
        let is_urgent = |message: &&ClaimedMessage| message.priority == Priority::LoginCode;
        let login_codes = claimed.iter().filter(is_urgent).count();
        let for_others = places.others.min(places.all.saturating_sub(login_codes));
        Self {
            login_codes: login_codes >= places.all,
            others: claimed.len() - login_codes >= for_others,
        }
    }

    /// Whether a free place fits a kind that may be left.
    pub(super) fn fits(self, free: store::Places) -> bool {
        (self.login_codes && free.all > 0) || (self.others && free.others > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn claimed(priority: Priority) -> ClaimedMessage {
        let expires_at = Timestamp::from_unix_micros(0);
        ClaimedMessage {
            id: uuid::Uuid::nil(),
            sealed: Vec::new(),
            tries: 1,
            unsure: 0,
            expires_at,
            priority,
        }
    }

    #[test]
    fn two_places_are_left_for_login_codes() {
        let places = Places::default();
        assert_eq!(places.free(), store::Places { all: 8, others: 6 });
        let mut taken: Vec<_> = (0..6).map(|_| places.take(Priority::Notice)).collect();
        assert_eq!(places.free(), store::Places { all: 2, others: 0 });
        taken.extend([places.take(Priority::LoginCode), places.take(Priority::LoginCode)]);
        assert_eq!(places.free(), store::Places { all: 0, others: 0 });
        taken.remove(0);
        assert_eq!(places.free(), store::Places { all: 1, others: 1 });
        drop(taken);
        assert_eq!(places.free(), store::Places { all: 8, others: 6 });
    }

    #[test]
    fn slow_messages_make_way_until_there_are_too_many_of_them() {
        let places = Places::default();
        let mut slow = Vec::new();
        for _ in 0..16 {
            let mut place = places.take(Priority::Notice);
            assert!(places.make_way(&mut place));
            assert!(!places.make_way(&mut place), "it has done so");
            slow.push(place);
        }
        assert_eq!(places.free(), store::Places { all: 8, others: 6 });
        let mut place = places.take(Priority::Code);
        assert!(!places.make_way(&mut place), "the others are for login codes");
        assert_eq!(places.free(), store::Places { all: 7, others: 5 });
        for _ in 0..8 {
            let mut place = places.take(Priority::LoginCode);
            assert!(places.make_way(&mut place));
            slow.push(place);
        }
        let mut code = places.take(Priority::LoginCode);
        assert!(!places.make_way(&mut code));
        slow.remove(0);
        assert!(places.make_way(&mut code));
        drop((slow, place, code));
        assert_eq!(places.free(), store::Places { all: 8, others: 6 });
    }

    #[test]
    fn login_codes_may_fill_all_places() {
        let places = Places::default();
        let taken: Vec<_> = (0..3).map(|_| places.take(Priority::LoginCode)).collect();
        assert_eq!(places.free(), store::Places { all: 5, others: 5 });
        drop(taken);
    }

    #[test]
    fn there_may_be_more_of_what_filled_its_places() {
        let (all, none) =
            (store::Places { all: 8, others: 6 }, store::Places { all: 2, others: 0 });
        let [code, notice] = [Priority::LoginCode, Priority::Notice].map(claimed);
        assert_eq!(More::after(&[], all), More::default());
        let after = More::after(&vec![notice.clone(); 6], all);
        assert_eq!(after, More { login_codes: false, others: true });
        assert!(after.fits(all) && !after.fits(none), "no claim while there is no place for it");
        let after = More::after(&[vec![code.clone(); 5], vec![notice; 3]].concat(), all);
        assert_eq!(after, More { login_codes: false, others: true });
        assert_eq!(More::after(&vec![code.clone(); 8], all), More::ANY);
        // No places for others were requested.
        assert_eq!(More::after(&[code], none), More { login_codes: false, others: true });
    }
}
