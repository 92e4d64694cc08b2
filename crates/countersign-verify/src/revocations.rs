//! Revocations, kept until the tokens that they void have expired.

use std::{collections::HashMap, str::FromStr as _};

use prost_types::Timestamp;
use uuid::Uuid;

use crate::{
    Claims,
    pb::{Revocation, revocation::Subject},
};

/// The known revocations. Times are seconds since 1970.
#[derive(Default)]
pub(crate) struct Revocations {
    /// Each with its expiry.
    sessions: HashMap<Uuid, i64>,
    users: HashMap<Uuid, User>,
}

/// A user with revoked tokens.
struct User {
    /// Tokens issued before this are void.
    not_before: i64,
    /// Tokens of earlier epochs are void, except the kept session's.
    epoch: i64,
    kept: Option<Uuid>,
    forget_at: i64,
}

impl User {
    /// A user without revocations.
    const NEW: Self = Self { not_before: i64::MIN, epoch: 0, kept: None, forget_at: i64::MIN };

    fn add(&mut self, revocation: &Revocation, not_before: i64, forget_at: i64) {
        self.forget_at = forget_at.max(self.forget_at);
        if revocation.session_epoch <= 0 {
            // The account is deleted, or the server knows no epochs.
            self.not_before = not_before.max(self.not_before);
        } else if revocation.session_epoch > self.epoch {
            // The last one counts: a session that goes on now was never ended before.
            self.epoch = revocation.session_epoch;
            self.kept = Uuid::from_str(&revocation.kept_session_id).ok();
        }
    }

    fn void(&self, claims: &Claims) -> bool {
        claims.iat < self.not_before
            || claims.session_epoch < self.epoch && self.kept != Some(claims.sid)
    }
}

impl Revocations {
    /// Adds a revocation. Missing fields are read in the strictest way. False if it has no subject.
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
                let known = self.users.entry(id).or_insert(User::NEW);
                known.add(revocation, not_before, forget_at);
                true
            }),
            // The key set handles these.
            Some(Subject::KeyId(_)) => true,
            None => false,
        }
    }

    /// Whether a token is revoked. A session never comes back, so its `not_before` is not needed: whatever the clocks of
    /// the server's replicas say, all of its tokens are void.
    pub(crate) fn void(&self, claims: &Claims) -> bool {
        let user = self.users.get(&claims.sub);
        self.sessions.contains_key(&claims.sid) || user.is_some_and(|user| user.void(claims))
    }

    /// Drops expired revocations: every token in question has expired at `now`.
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

/// `iat` has no fractions: a token issued in the second of `not_before` may be older, and is void.
fn rounded_up(time: &Timestamp) -> i64 {
    time.seconds.saturating_add(i64::from(time.nanos > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_user(not_before: Option<Timestamp>, expire_time: Option<Timestamp>) -> Revocation {
        let subject = Some(Subject::UserId(Claims::sample(0).sub.to_string()));
        Revocation { subject, not_before, expire_time, ..Revocation::default() }
    }

    /// Revokes sessions of earlier epochs than `session_epoch`, except `kept_session_id`.
    fn of_earlier(session_epoch: i64, kept_session_id: &str) -> Revocation {
        let not_before = Some(Timestamp { seconds: 100, nanos: 1 });
        let kept_session_id = kept_session_id.to_owned();
        Revocation { session_epoch, kept_session_id, ..of_user(not_before, None) }
    }

    /// A token of that epoch, issued in the second of the revocation.
    fn token(session_epoch: i64, sid: Uuid) -> Claims {
        Claims { session_epoch, sid, ..Claims::sample(100) }
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
        let nobodys = Revocation::default();
        let unreadable = Subject::SessionId("no id".to_owned());
        let unreadable = Revocation { subject: Some(unreadable), ..nobodys.clone() };
        assert!(!revocations.add(&nobodys) && !revocations.add(&unreadable));
    }

    #[test]
    fn by_epoch_no_clock_decides_and_the_kept_session_goes_on_with_the_token_it_has() {
        let (kept, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut revocations = Revocations::default();
        assert!(revocations.add(&of_earlier(1, &kept.to_string())));
        assert!(revocations.void(&token(0, other)));
        assert!(!revocations.void(&token(0, kept)), "the token it had");
        assert!(!revocations.void(&token(1, other)), "a login in the same second");
        let early = Claims { iat: 1, ..token(1, other) };
        assert!(!revocations.void(&early), "whatever the clock of its replica says");
        let late = Claims { iat: 10_000, ..token(0, other) };
        assert!(revocations.void(&late));
    }

    #[test]
    fn of_several_epochs_the_last_counts_in_whatever_order_they_come() {
        let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let all = [of_earlier(1, &first.to_string()), of_earlier(2, &second.to_string())];
        for order in [[0, 1], [1, 0]] {
            let mut revocations = Revocations::default();
            assert!(order.iter().all(|number: &usize| revocations.add(&all[*number])));
            assert!(revocations.void(&token(0, first)) && revocations.void(&token(1, first)));
            assert!(!revocations.void(&token(1, second)) && !revocations.void(&token(2, first)));
        }
    }

    #[test]
    fn without_a_kept_session_none_goes_on_and_a_deletion_voids_every_epoch() {
        let mut revocations = Revocations::default();
        assert!(revocations.add(&of_earlier(1, "")));
        assert!(
            revocations.void(&token(0, Uuid::nil())) && !revocations.void(&token(1, Uuid::nil()))
        );
        assert!(revocations.add(&of_user(Some(Timestamp { seconds: 1000, nanos: 0 }), None)));
        assert!(revocations.void(&token(7, Uuid::nil())));
    }
}
