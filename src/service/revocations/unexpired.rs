//! The revocations of tokens that may live.

use std::collections::VecDeque;

use super::ended::Ended;
use crate::{
    domain::{Revocation, Timestamp, TokenIds},
    store::NumberedRevocation,
};

/// The unexpired revocations up to a number.
#[derive(Debug, Default)]
pub(super) struct Unexpired {
    /// In commit order, without expired ones at the front.
    revocations: VecDeque<NumberedRevocation>,
    /// The same, by what they name.
    ended: Ended,
    /// The number up to which all are here.
    pub(super) head: i64,
    /// The latest time at which expired ones were dropped.
    pub(super) forgotten_until: Option<Timestamp>,
}

impl Unexpired {
    /// Adds those that follow, up to the number `head`, and drops those that have expired.
    pub(super) fn add(&mut self, found: Vec<NumberedRevocation>, head: i64, now: Timestamp) {
        for found in found {
            self.ended.add(&found);
            self.revocations.push_back(found);
        }
        self.head = head;
        self.forgotten_until = self.forgotten_until.max(Some(now));
        while let Some(first) = self.revocations.pop_front_if(|of| of.revocation.expires_at <= now)
        {
            self.ended.remove(&first);
        }
    }

    /// Whether one of them voids the token.
    pub(super) fn voids(&self, ids: &TokenIds) -> bool {
        self.ended.voids(ids)
    }

    /// The first `limit` after a number that live at that time.
    pub(super) fn after(
        &self,
        seq: i64,
        now: Timestamp,
        limit: usize,
    ) -> VecDeque<NumberedRevocation> {
        let begin = self.revocations.partition_point(|known| known.seq <= seq);
        let matters = |known: &&NumberedRevocation| known.revocation.expires_at > now;
        self.revocations.range(begin..).filter(matters).take(limit).copied().collect()
    }

    /// Whether there is such a revocation after a number.
    pub(super) fn has_after(&self, seq: i64, is_such: impl Fn(&Revocation) -> bool) -> bool {
        let begin = self.revocations.partition_point(|known| known.seq <= seq);
        self.revocations.range(begin..).any(|known| is_such(&known.revocation))
    }
}
