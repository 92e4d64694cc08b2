//! Revocations that this process has appended, from before their commit until its log has read them: a replica must never
//! take for live what it has ended itself.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError, RwLock},
};

use super::{Error, Result};
use crate::domain::{Revocation, TokenIds};

/// The most that are kept one by one. The log reads them within milliseconds, unless it can't read at all.
const MOST: usize = 1000;

tokio::task_local! {
    /// Those of the store whose write runs: a statement knows its connection alone, and a connection no store.
    static OF_WRITE: AppendedHere;
}

/// The revocations of one process that its log has not read.
#[derive(Debug, Clone, Default)]
pub struct AppendedHere(Arc<RwLock<Unread>>);

#[derive(Debug, Default)]
struct Unread {
    /// Each with its number.
    revocations: VecDeque<(i64, Revocation)>,
    /// Where there were too many, all up to this number may void anything.
    any_up_to: Option<i64>,
}

impl AppendedHere {
    /// Whether one of them names the token. It may still be rolled back: only the database can tell.
    pub fn may_void(&self, ids: &TokenIds) -> bool {
        let unread = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut subjects = unread.revocations.iter().map(|(_, revocation)| revocation.subject);
        unread.any_up_to.is_some() || subjects.any(|subject| subject.voids(ids))
    }

    /// The log has read all up to that number. Whoever has it committed it, so none of a smaller number is under way.
    pub fn read_up_to(&self, seq: i64) {
        let mut unread = self.0.write().unwrap_or_else(PoisonError::into_inner);
        unread.revocations.retain(|(number, _)| *number > seq);
        unread.any_up_to.take_if(|last| *last <= seq);
    }

    /// Runs a write. What it appends gets here.
    pub(super) async fn around<T>(self, write: impl Future<Output = T>) -> T {
        OF_WRITE.scope(self, write).await
    }

    /// Adds revocations of the write that runs, numbered from `first`, before it can commit.
    pub(super) fn note(first: i64, revocations: &[Revocation]) -> Result<()> {
        let noted = OF_WRITE.try_with(|here| here.add(first, revocations));
        noted.map_err(|_outside| Error::Statement("a revocation outside of a write".into()))
    }

    fn add(&self, first: i64, revocations: &[Revocation]) {
        let mut unread = self.0.write().unwrap_or_else(PoisonError::into_inner);
        unread.revocations.extend((first..).zip(revocations.iter().copied()));
        if unread.revocations.len() > MOST {
            let last = unread.revocations.iter().map(|(number, _)| *number).max();
            unread.any_up_to = unread.any_up_to.max(last);
            unread.revocations.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{Revoked, Timestamp};

    fn of_token(number: u128) -> Revocation {
        let at = Timestamp::from_unix_micros(0);
        let subject = Revoked::Token(Uuid::from_u128(number));
        Revocation { subject, not_before: at, expires_at: at }
    }

    fn may_void(here: &AppendedHere, number: u128) -> bool {
        here.may_void(&TokenIds { token: Some(Uuid::from_u128(number)), ..TokenIds::default() })
    }

    #[tokio::test]
    async fn what_a_write_appends_may_void_its_tokens_until_the_log_has_read_it() {
        let here = AppendedHere::default();
        let write = async { AppendedHere::note(7, &[of_token(1), of_token(2)]) };
        here.clone().around(write).await.unwrap();
        assert!(may_void(&here, 1) && may_void(&here, 2) && !may_void(&here, 3));
        here.read_up_to(7);
        assert!(!may_void(&here, 1) && may_void(&here, 2));
        here.read_up_to(8);
        assert!(!may_void(&here, 2));
    }

    #[test]
    fn where_there_are_too_many_any_token_may_be_void() {
        let here = AppendedHere::default();
        let most: Vec<_> = (0..1000).map(of_token).collect();
        here.add(1, &most);
        assert!(!may_void(&here, 5000));
        here.add(1001, &[of_token(1000)]);
        assert!(may_void(&here, 5000) && here.0.read().unwrap().revocations.is_empty());
        here.read_up_to(1000);
        assert!(may_void(&here, 5000));
        here.read_up_to(1001);
        assert!(!may_void(&here, 5000));
    }

    #[test]
    fn a_revocation_outside_of_a_write_is_an_error() {
        assert!(AppendedHere::note(1, &[of_token(1)]).is_err());
    }
}
