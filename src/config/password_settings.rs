//! The settings of passwords and their hashing, a part of the one table in `settings`.

use super::setting::{
    DefaultValue::{Absent, Computed, PerThread, Value},
    Setting, plain,
};

/// All of them, in the order in which they are documented.
pub(super) const ALL: &[Setting] = &[
    BCRYPT_COST,
    PASSWORD_MIN_LENGTH,
    BREACHED_PASSWORDS,
    HASH_THREADS,
    HASH_QUEUE,
    HASH_KERNEL,
    HASH_LANES,
    HASH_MEMORY,
];

pub(super) const BCRYPT_COST: Setting =
    plain("COUNTERSIGN_BCRYPT_COST", Value("12"), "4 to 16; under 10 only in development");
pub(super) const PASSWORD_MIN_LENGTH: Setting = plain(
    "COUNTERSIGN_PASSWORD_MIN_LENGTH",
    Value("8"),
    "fewest characters of a new password, 8 to 128",
);
pub(super) const BREACHED_PASSWORDS: Setting = plain(
    "COUNTERSIGN_BREACHED_PASSWORDS",
    Absent,
    "file that countersign breached build has made: no new password may be on it; a start reads it anew",
);
pub(super) const HASH_THREADS: Setting =
    plain("COUNTERSIGN_HASH_THREADS", Computed("one a core"), "threads that hash passwords");
/// The places of the queue for each hashing thread, unless the queue's size is given.
pub(super) const QUEUED_PER_THREAD: usize = 32;
pub(super) const HASH_QUEUE: Setting = plain(
    "COUNTERSIGN_HASH_QUEUE",
    PerThread(QUEUED_PER_THREAD),
    "hashes that may wait; more are refused",
);
pub(super) const HASH_KERNEL: Setting = plain(
    "COUNTERSIGN_HASH_KERNEL",
    Value("auto"),
    "auto (the fastest here), bmi, portable, or crate (plain bcrypt)",
);
pub(super) const HASH_LANES: Setting = plain(
    "COUNTERSIGN_HASH_LANES",
    Value("auto"),
    "hashes that one thread runs side by side: auto, or 1 to 6",
);
pub(super) const HASH_MEMORY: Setting = plain(
    "COUNTERSIGN_HASH_MEMORY",
    Value("256MiB"),
    "most memory that checks of imported argon2 and scrypt hashes have together; 16MiB to 64GiB",
);
