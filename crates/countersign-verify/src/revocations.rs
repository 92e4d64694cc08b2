//! Revocations, kept until the tokens that they void have expired.

use std::{collections::HashMap, str::FromStr};

use uuid::Uuid;

use crate::{
    Claims, Service, ServiceAccountId, User,
    pb::{Revocation, revocation::Subject},
    revoked::{Revoked, Times},
};

/// The known revocations. Times are seconds since 1970.
#[derive(Default)]
pub(crate) struct Revocations {
    /// Each with its expiry.
    sessions: HashMap<Uuid, i64>,
    /// By the claim `jti`, each with its expiry.
    tokens: HashMap<Uuid, i64>,
    users: HashMap<Uuid, Revoked>,
    services: HashMap<ServiceAccountId, Revoked>,
    unknown: Unknown,
}

/// Revocations of something that this release does not know. Each voids some tokens that were issued before its time;
/// which, only a later release can tell.
#[derive(Default)]
struct Unknown {
    revoked: Option<Revoked>,
    count: u64,
}

/// How much is revoked.
pub(crate) struct Counts {
    pub(crate) sessions: usize,
    pub(crate) users: usize,
    pub(crate) services: usize,
    pub(crate) tokens: usize,
    pub(crate) unknown: u64,
}

impl Revocations {
    /// Adds a revocation. False if it is of something unknown.
    pub(crate) fn add(&mut self, revocation: &Revocation) -> bool {
        let times = Times::of(revocation);
        if self.add_known(revocation, times).is_some() {
            return true;
        }
        self.unknown.count = self.unknown.count.saturating_add(1);
        self.unknown.revoked.get_or_insert(Revoked::NONE).add(times, 0, None);
        false
    }

    /// None if the revocation has no subject, or one that can't be read.
    fn add_known(&mut self, revocation: &Revocation, times: Times) -> Option<()> {
        match revocation.subject.as_ref()? {
            Subject::SessionId(id) => keep(&mut self.sessions, id, times),
            Subject::TokenId(id) => keep(&mut self.tokens, id, times),
            Subject::UserId(id) => {
                let kept = parse(&revocation.kept_session_id);
                let user = self.users.entry(parse(id)?).or_insert(Revoked::NONE);
                user.add(times, revocation.session_epoch, kept);
                Some(())
            }
            Subject::ServiceAccountId(id) => {
                let service = self.services.entry(parse(id)?).or_insert(Revoked::NONE);
                service.add(times, revocation.service_epoch, None);
                Some(())
            }
            // The key set handles these.
            Subject::KeyId(_) => Some(()),
        }
    }

    /// Whether a token is revoked: by itself, or with its user or session, or with the service that it was issued to. An
    /// exchanged token has all of these.
    pub(crate) fn void(&self, claims: &Claims) -> bool {
        self.tokens.contains_key(&claims.jti)
            || claims.user().is_some_and(|user| self.voids_user(user, claims.iat))
            || claims.limited().is_some_and(|service| self.voids_service(service, claims.iat))
    }

    /// A session never comes back, so its `not_before` is not needed: whatever the clocks of the server's replicas say, all
    /// of its tokens are void.
    fn voids_user(&self, user: &User, iat: i64) -> bool {
        let session = Some(user.session_id);
        self.sessions.contains_key(&user.session_id)
            || self
                .users
                .get(&user.id)
                .is_some_and(|revoked| revoked.voids(iat, user.session_epoch, session))
    }

    fn voids_service(&self, service: &Service, iat: i64) -> bool {
        let revoked = self.services.get(&service.id);
        revoked.is_some_and(|revoked| revoked.voids(iat, service.service_epoch, None))
    }

    /// Whether a token is so old that a revocation of something unknown may have voided it.
    pub(crate) fn may_void(&self, claims: &Claims) -> bool {
        let revoked = self.unknown.revoked.as_ref();
        revoked.is_some_and(|revoked| revoked.voids(claims.iat, 0, None))
    }

    /// Drops expired revocations: every token in question has expired at `now`.
    pub(crate) fn forget(&mut self, now: i64) {
        self.sessions.retain(|_id, forget_at| *forget_at > now);
        self.tokens.retain(|_id, forget_at| *forget_at > now);
        self.users.retain(|_id, user| user.forget_at > now);
        self.services.retain(|_id, service| service.forget_at > now);
        self.unknown.revoked.take_if(|revoked| revoked.forget_at <= now);
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            sessions: self.sessions.len(),
            users: self.users.len(),
            services: self.services.len(),
            tokens: self.tokens.len(),
            unknown: self.unknown.count,
        }
    }
}

/// Keeps an id until the last of its times. None if it can't be read.
fn keep(all: &mut HashMap<Uuid, i64>, id: &str, times: Times) -> Option<()> {
    let known = all.entry(parse(id)?).or_insert(times.forget_at);
    *known = times.forget_at.max(*known);
    Some(())
}

fn parse<T: FromStr>(id: &str) -> Option<T> {
    id.parse().ok()
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;

    use super::*;
    use crate::Caller;

    fn of_user(not_before: Option<Timestamp>, expire_time: Option<Timestamp>) -> Revocation {
        let subject = Some(Subject::UserId(Claims::sample(0).jti.to_string()));
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
        let claims = Claims::sample(100);
        let user = User { session_epoch, session_id: sid, ..claims.user().unwrap().clone() };
        Claims { caller: Caller::User(user), ..claims }
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
