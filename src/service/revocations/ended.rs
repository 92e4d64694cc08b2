//! What has ended, by what revocations name: a token is looked up in a few steps, however many there are.

use std::collections::{HashMap, hash_map::Entry};

use uuid::Uuid;

use crate::{
    domain::{Revoked, ServiceAccountId, SessionIds, TokenIds},
    store::NumberedRevocation,
};

/// For each subject the revocation that says all.
#[derive(Debug, Default)]
pub(super) struct Ended(HashMap<Subject, Last>);

/// What a revocation names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Subject {
    Session(Uuid),
    User(Uuid),
    Key(Uuid),
    Service(ServiceAccountId),
    Token(Uuid),
}

#[derive(Debug)]
struct Last {
    /// The number of the last one of the subject: the others expire with it.
    seq: i64,
    revoked: Revoked,
}

impl Ended {
    pub(super) fn add(&mut self, found: &NumberedRevocation) {
        let (seq, revoked) = (found.seq, found.revocation.subject);
        match self.0.entry(Subject::of(&revoked)) {
            Entry::Vacant(free) => {
                free.insert(Last { seq, revoked });
            }
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.seq = seq;
                if !says_more(&known.revoked, &revoked) {
                    known.revoked = revoked;
                }
            }
        }
    }

    /// Forgets a subject with the last of its revocations.
    pub(super) fn remove(&mut self, expired: &NumberedRevocation) {
        let subject = Subject::of(&expired.revocation.subject);
        if self.0.get(&subject).is_some_and(|last| last.seq == expired.seq) {
            self.0.remove(&subject);
        }
    }

    /// Whether the token is void.
    pub(super) fn voids(&self, ids: &TokenIds) -> bool {
        let is_void =
            |subject: Subject| self.0.get(&subject).is_some_and(|last| last.revoked.voids(ids));
        let TokenIds { token, key, session, service } = *ids;
        session.is_some_and(|SessionIds { id, user_id, .. }| {
            is_void(Subject::Session(id)) || is_void(Subject::User(user_id))
        }) || service.is_some_and(|(id, _)| is_void(Subject::Service(id)))
            || token.is_some_and(|id| is_void(Subject::Token(id)))
            || key.is_some_and(|id| is_void(Subject::Key(id)))
    }
}

impl Subject {
    fn of(revoked: &Revoked) -> Self {
        match *revoked {
            Revoked::Session(id) => Self::Session(id),
            Revoked::User(id) | Revoked::Earlier { user_id: id, .. } => Self::User(id),
            Revoked::Key(id) => Self::Key(id),
            Revoked::Service { id, .. } => Self::Service(id),
            Revoked::Token(id) => Self::Token(id),
        }
    }
}

/// Whether a revocation voids more than a later one of the same subject. Of several epochs the greatest says all: a session
/// that goes on now was never ended before (ADR 21). A deletion voids every epoch.
fn says_more(known: &Revoked, later: &Revoked) -> bool {
    match (known, later) {
        (Revoked::User(_), Revoked::Earlier { .. }) => true,
        (Revoked::Earlier { epoch: known, .. }, Revoked::Earlier { epoch: later, .. })
        | (Revoked::Service { epoch: known, .. }, Revoked::Service { epoch: later, .. }) => {
            known > later
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Revocation, Timestamp};

    const USER: Uuid = Uuid::from_u128(1);

    fn add(ended: &mut Ended, seq: i64, subject: Revoked) {
        ended.add(&numbered(seq, subject));
    }

    fn numbered(seq: i64, subject: Revoked) -> NumberedRevocation {
        let at = Timestamp::from_unix_micros(0);
        NumberedRevocation {
            seq,
            revocation: Revocation { subject, not_before: at, expires_at: at },
        }
    }

    fn earlier(epoch: i64) -> Revoked {
        Revoked::Earlier { user_id: USER, epoch, kept: None }
    }

    fn of_epoch(epoch: i64) -> TokenIds {
        let session = Some(SessionIds { id: Uuid::from_u128(2), user_id: USER, epoch });
        TokenIds { session, ..TokenIds::default() }
    }

    #[test]
    fn each_id_of_a_token_is_looked_up() {
        let (token, key) = (Uuid::from_u128(3), Uuid::from_u128(4));
        let service = ServiceAccountId(Uuid::from_u128(5));
        let ids = TokenIds {
            token: Some(token),
            key: Some(key),
            service: Some((service, 0)),
            ..of_epoch(0)
        };
        for subject in [
            Revoked::Session(Uuid::from_u128(2)),
            Revoked::User(USER),
            earlier(1),
            Revoked::Key(key),
            Revoked::Token(token),
            Revoked::Service { id: service, epoch: 1 },
        ] {
            let mut ended = Ended::default();
            assert!(!ended.voids(&ids));
            add(&mut ended, 1, subject);
            assert!(ended.voids(&ids), "{subject:?}");
            ended.remove(&numbered(1, subject));
            assert!(!ended.voids(&ids) && ended.0.is_empty());
        }
    }

    #[test]
    fn the_greatest_epoch_says_all_and_a_deletion_more() {
        for order in [[1, 2], [2, 1]] {
            let mut ended = Ended::default();
            for (seq, epoch) in (1..).zip(order) {
                add(&mut ended, seq, earlier(epoch));
            }
            assert!(ended.voids(&of_epoch(1)) && !ended.voids(&of_epoch(2)));
            ended.remove(&numbered(1, earlier(order[0])));
            assert!(ended.voids(&of_epoch(1)), "the later one has not expired");
            add(&mut ended, 3, Revoked::User(USER));
            add(&mut ended, 4, earlier(3));
            assert!(ended.voids(&of_epoch(9)));
        }
    }
}
