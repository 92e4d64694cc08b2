//! How much longer the hashes of other systems take than a bcrypt, against user enumeration by a timing attack.
//!
//! A check is answered no sooner than one of the dearest hash of late would be, whether the account has such a hash, one of ours, or
//! does not exist, and whether the password is right: a disabled account must not confirm it. It waits; it does not compute. The ratio is measured while both run side by side, so that it holds on a busy
//! machine, too.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// One, in the unit of the ratio.
const ONE: u32 = 1024;

/// The longest wait. Dearer hashes can be told from others; docs say so.
const LONGEST: Duration = Duration::from_secs(2);

/// The dearest hash of late, as a multiple of the bcrypt beside it; 0 before the first.
#[derive(Debug, Default)]
pub(super) struct Dearest(AtomicU32);

impl Dearest {
    /// Learns from a check that took `took` beside a bcrypt that took `bcrypt`. One that was held up counts for less with every other one.
    pub(super) fn learn(&self, bcrypt: Duration, took: Duration) {
        let ratio = took.as_secs_f64() / bcrypt.as_secs_f64().max(1e-6);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let ratio = (ratio * f64::from(ONE)).ceil().clamp(0.0, f64::from(u32::MAX)) as u32;
        // A race with another thread loses a measurement, which does no harm.
        let known = self.0.load(Ordering::Relaxed);
        self.0.store(ratio.max(known - known / 64), Ordering::Relaxed);
    }

    /// The time of the dearest check, where a bcrypt takes `bcrypt`.
    pub(super) fn of(&self, bcrypt: Duration) -> Duration {
        let ratio = self.0.load(Ordering::Relaxed).max(ONE);
        let takes = bcrypt.saturating_mul(ratio) / ONE;
        takes.min(bcrypt + LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCRYPT: Duration = Duration::from_millis(100);

    #[test]
    fn what_takes_no_longer_than_a_bcrypt_changes_nothing() {
        let dearest = Dearest::default();
        assert_eq!(dearest.of(BCRYPT), BCRYPT);
        dearest.learn(BCRYPT, BCRYPT / 2);
        assert_eq!(dearest.of(BCRYPT), BCRYPT);
    }

    #[test]
    fn the_dearest_counts_at_once_within_a_bound_and_is_forgotten_slowly() {
        let dearest = Dearest::default();
        dearest.learn(BCRYPT, 3 * BCRYPT);
        assert_eq!(dearest.of(BCRYPT), 3 * BCRYPT);
        assert_eq!(dearest.of(2 * BCRYPT), 6 * BCRYPT, "as a multiple");
        dearest.learn(BCRYPT, BCRYPT);
        assert!((280..=299).contains(&dearest.of(BCRYPT).as_millis()));
        dearest.learn(BCRYPT, 1000 * BCRYPT);
        assert_eq!(dearest.of(BCRYPT), BCRYPT + LONGEST);
    }
}
