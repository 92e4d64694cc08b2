//! What was revoked, for as long as it matters.

use std::{collections::HashMap, str::FromStr as _};

use prost_types::Timestamp;
use uuid::Uuid;

use crate::{
    Claims,
    pb::{Revocation, revocation::Subject},
};

/// Times are seconds since 1970.
#[derive(Default)]
pub(crate) struct Revocations {
    /// When to forget each.
    sessions: HashMap<Uuid, i64>,
    users: HashMap<Uuid, User>,
}

/// A user whose tokens were revoked.
struct User {
    not_before: i64,
    forget_at: i64,
}

impl Revocations {
    /// Takes a revocation. What it leaves open is taken for the worst. False if it does not say whom it is about.
    pub(crate) fn add(&mut self, revocation: &Revocation) -> bool {
        let not_before = revocation.not_before.as_ref().map_or(i64::MAX, rounded_up);
        let forget_at = revocation.expire_time.as_ref().map_or(i64::MAX, rounded_up);
        match &revocation.subject {
            Some(Subject::SessionId(id)) => Uuid::from_str(id).is_ok_and(|id| {
                let known = self.sessions.entry(id).or_insert(forget_at);
                *known = forget_at.max(*known);
                true
            }),
            Some(Subject::UserId(id)) => Uuid::from_str(id).is_ok_and(|id| {
                let known = self.users.entry(id).or_insert(User { not_before, forget_at });
                known.not_before = not_before.max(known.not_before);
                known.forget_at = forget_at.max(known.forget_at);
                true
            }),
            None => false,
        }
    }

    /// Whether a token was revoked. A session never comes back, so its `not_before` is not needed: whatever the clocks of the
    /// server's replicas say, none of its tokens counts.
    pub(crate) fn void(&self, claims: &Claims) -> bool {
        let user = self.users.get(&claims.sub);
        self.sessions.contains_key(&claims.sid)
            || user.is_some_and(|user| claims.iat < user.not_before)
    }

    /// Forgets what no longer matters at `now`: every token in question has expired.
    pub(crate) fn forget(&mut self, now: i64) {
        self.sessions.retain(|_id, forget_at| *forget_at > now);
        self.users.retain(|_id, user| user.forget_at > now);
    }

    pub(crate) fn sessions(&self) -> usize {
        self.sessions.len()
    }

    pub(crate) fn users(&self) -> usize {
        self.users.len()
    }
}

/// `iat` has no fractions: a token of the second in which `not_before` lies may be older, and is void.
fn rounded_up(time: &Timestamp) -> i64 {
    time.seconds.saturating_add(i64::from(time.nanos > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_user(not_before: Option<Timestamp>, expire_time: Option<Timestamp>) -> Revocation {
        let subject = Some(Subject::UserId(Claims::sample(0).sub.to_string()));
        Revocation { subject, not_before, expire_time }
    }

    #[test]
    fn a_token_of_the_second_of_a_users_revocation_is_void_unless_that_was_its_first_moment() {
        for (nanos, is_void) in [(0, false), (1, true), (999_999_999, true)] {
            let mut revocations = Revocations::default();
            assert!(revocations.add(&of_user(Some(Timestamp { seconds: 100, nanos }), None)));
            assert!(revocations.void(&Claims::sample(99)));
            assert_eq!(revocations.void(&Claims::sample(100)), is_void, "{nanos} ns");
            assert!(!revocations.void(&Claims::sample(101)));
        }
    }

    #[test]
    fn what_a_revocation_leaves_open_is_taken_for_the_worst() {
        let mut revocations = Revocations::default();
        assert!(revocations.add(&of_user(None, None)));
        revocations.forget(i64::MAX - 1);
        assert!(revocations.void(&Claims::sample(i64::MAX - 2)));
        let nobodys = Revocation { subject: None, not_before: None, expire_time: None };
        let unreadable = Subject::SessionId("no id".to_owned());
        let unreadable = Revocation { subject: Some(unreadable), ..nobodys.clone() };
        assert!(!revocations.add(&nobodys) && !revocations.add(&unreadable));
    }
}
