//! How many messages a worker sends at a time, and what the next claim may take.

use std::sync::Arc;

use crate::store::{self, ClaimedMessage, Priority};

/// As many connections as a mail server is likely to grant.
const ALL: usize = 8;

/// Two are left for login codes: whatever waits on a slow mail server, a login does not wait behind it.
const OTHERS: usize = 6;

/// The places of a worker.
#[derive(Debug, Default)]
pub(super) struct Places {
    all: Arc<()>,
    others: Arc<()>,
}

/// A message's place, until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _one: Arc<()>,
    _other: Option<Arc<()>>,
}

/// Of what there may be more to claim.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct More {
    login_codes: bool,
    others: bool,
}

impl Places {
    /// Those that are free.
    pub(super) fn free(&self) -> store::Places {
        let free = |of: &Arc<()>, most: usize| (most + 1).saturating_sub(Arc::strong_count(of));
        let all = free(&self.all, ALL);
        store::Places { all, others: all.min(free(&self.others, OTHERS)) }
    }

    pub(super) fn take(&self, priority: Priority) -> Place {
        let other = (priority != Priority::LoginCode).then(|| Arc::clone(&self.others));
        Place { _one: Arc::clone(&self.all), _other: other }
    }
}

impl More {
    /// Of anything.
    pub(super) const ANY: Self = Self { login_codes: true, others: true };

    /// What is left after a claim: where all places were filled there may be more.
    pub(super) fn after(claimed: &[ClaimedMessage], places: store::Places) -> Self {
        let is_urgent = |message: &&ClaimedMessage| message.priority == Priority::LoginCode;
        let login_codes = claimed.iter().filter(is_urgent).count();
        let for_others = places.others.min(places.all.saturating_sub(login_codes));
        Self {
            login_codes: login_codes >= places.all,
            others: claimed.len() - login_codes >= for_others,
        }
    }

    /// Whether there may be something for a place that is free.
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
        ClaimedMessage { id: uuid::Uuid::nil(), sealed: Vec::new(), tries: 1, expires_at, priority }
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
        // Nobody asked for others.
        assert_eq!(More::after(&[code], none), More { login_codes: false, others: true });
    }
}
