//! A hash to compute, its waiting caller, and the errors of it.

use std::time::{Duration, Instant};

use bcrypt_lanes::Cost;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// Why a password was neither hashed nor checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The load is more than can be done in time.
    #[error("too many passwords are being hashed")]
    Overloaded {
        /// Hint for the caller's next try.
        retry_after: Duration,
    },
    /// A hashing thread has died: a bug.
    #[error("a hashing thread has died")]
    Broken,
}

/// The result of bcrypt: 24 bytes, of which 23 are stored.
pub(in crate::password) type Digest = [u8; 24];

/// A bcrypt that was computed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Done {
    pub(super) digest: Digest,
    /// When it began.
    pub(super) begun: Instant,
    /// When it ended.
    pub(super) ended: Instant,
}

/// One bcrypt to compute.
#[derive(Debug)]
pub(in crate::password) struct Job {
    /// The password in bytes: at most 72, without the NUL that bcrypt adds.
    pub(in crate::password) key: Zeroizing<Vec<u8>>,
    pub(in crate::password) salt: [u8; 16],
    pub(in crate::password) cost: Cost,
    /// The job takes the time of a hash of this cost, if that is more: the time must not tell whose hash is older
    /// (timing attack).
    pub(in crate::password) padded_to: Cost,
}

impl Job {
    /// The work, in iterations of bcrypt's loop.
    pub(super) fn steps(&self) -> u64 {
        u64::from(self.cost.max(self.padded_to).iterations())
    }
}

/// A check of another system's hash.
pub(in crate::password) struct ForeignCheck {
    /// The bytes that it allocates.
    pub(in crate::password) memory: u64,
    /// Compares. It blocks, for as long as a hash takes.
    pub(in crate::password) run: Box<dyn FnOnce() -> bool + Send>,
}

/// A check with its caller: it begins with the bcrypt of the same call.
pub(super) struct Beside {
    pub(super) check: ForeignCheck,
    pub(super) answer: oneshot::Sender<Result<Checked, Error>>,
}

/// The result of a check.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checked {
    pub(super) right: bool,
    pub(super) ended: Instant,
}

impl std::fmt::Debug for Beside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Beside").field("memory", &self.check.memory).finish_non_exhaustive()
    }
}

/// A queued job with its caller's deadline and answer channel.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) job: Job,
    pub(super) deadline: Instant,
    pub(super) since: Instant,
    pub(super) answer: oneshot::Sender<Result<Done, Error>>,
    /// What begins with it.
    pub(super) beside: Option<Beside>,
}

impl Waiting {
    pub(super) fn refuse(self, retry_after: Duration) {
        // The caller may have gone.
        let _gone = self.answer.send(Err(Error::Overloaded { retry_after }));
    }
}
