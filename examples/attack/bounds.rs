//! What ADR 14 lets attackers have.

use std::time::Duration;

/// Sessions of one account (ADR 21).
pub(crate) const SESSIONS: usize = 100;

/// Wrong codes of a kind in an hour: at one account's app or mailbox, or for one address and purpose.
pub(crate) const CODES: usize = 20;

/// Mails with codes of logins to one mailbox in an hour, from strangers.
pub(crate) const LOGIN_MAILS: usize = 60;

/// Mails to one mailbox in an hour that anybody asked for.
pub(crate) const ASKED_MAILS: usize = 30;

/// Passwords at one account, from all strangers at once.
const ACCOUNT: usize = 2_000;

/// A number that should not be passed.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) what: &'static str,
    pub(crate) measured: usize,
    pub(crate) most: usize,
}

impl Bound {
    pub(crate) fn new(what: &'static str, measured: usize, most: usize) -> Self {
        Self { what, measured, most }
    }

    pub(crate) fn holds(&self) -> bool {
        self.measured <= self.most
    }
}

/// Failures, or mails, that so many addresses have in that time: 600 an hour each, a sixth of that at once.
pub(crate) fn of_sources(addresses: usize, took: Duration) -> usize {
    addresses * (100 + usize::try_from(took.as_secs() / 6).unwrap_or(usize::MAX) + 1)
}

/// Wrong passwords at one account that so many addresses have in that time: five each, then after 1 s, 2 s, 4 s up to a minute.
pub(crate) fn of_pollers(addresses: usize, took: Duration) -> usize {
    let (mut each, mut next, mut wait) = (5, Duration::ZERO, Duration::from_secs(1));
    while next + wait <= took {
        next += wait;
        each += 1;
        wait = (2 * wait).min(Duration::from_secs(60));
    }
    (addresses * each).min(ACCOUNT)
}
