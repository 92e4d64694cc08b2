//! Several bcrypt hashes in lock step on one thread, for several times the throughput of one after another.
//!
//! bcrypt is one long dependency chain: each of Blowfish's rounds waits for the table look-ups of the round before, and a
//! processor that could do several things at once has nothing else to do. Interleaved hashes wait at different places, so
//! the look-ups of one fill the waits of another (instruction-level parallelism). This crate holds up to six hashes in
//! *lanes* and advances all of them by one iteration a step. Jobs join and leave between any two steps, as a server needs
//! it whose passwords arrive at any time.
//!
//! It starts no threads and keeps no queue: one [`Lanes`] a thread, and the caller decides who joins when.
//!
//! ```
//! use bcrypt_lanes::{Cost, Kernel, LaneCount, Lanes};
//!
//! let mut lanes = Lanes::new(Kernel::preferred(), LaneCount::try_from(5)?);
//! lanes.join(b"correct horse", &[7; 16], Cost::try_from(6)?, "alice")?;
//! lanes.join(b"battery staple", &[8; 16], Cost::try_from(4)?, "bob")?;
//!
//! let mut order = Vec::new();
//! while !lanes.is_empty() {
//!     for (ticket, digest) in lanes.step() {
//!         order.push(ticket);
//!         assert_eq!(digest.len(), 24);
//!     }
//! }
//! assert_eq!(order, ["bob", "alice"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | owns |
//! |---|---|
//! | `lanes` | the lanes: joining, stepping, leaving |
//! | `limits`, `error` | costs and lane counts within their bounds, and refusals |
//! | `state`, `pi` | one hash: its layout in memory, its start and its end |
//! | `kernel` | the choice between the two below |
//! | `portable` | the safe kernel, and the reference |
//! | `bmi` | the x86-64 assembly, with all of the crate's `unsafe` |
//!
//! # Result
//!
//! The 24 bytes that end a bcrypt; a `$2b$` string encodes the first 23 of them. Base64, random salts, the constant-time
//! comparison and the strings themselves are left to the `bcrypt` crate, whose raw function gives the same bytes.
//!
//! # Secrets
//!
//! States are overwritten with zeros when a hash leaves, is cancelled or is dropped. As in every bcrypt, the look-ups
//! depend on the password: a process that shares the processor's caches may learn something of it (cache timing attack).

#![deny(unsafe_code)]

#[cfg(all(target_arch = "x86_64", target_pointer_width = "64", unix))]
#[expect(unsafe_code, reason = "the assembly kernel: see the SAFETY arguments there")]
mod bmi;
mod error;
mod kernel;
mod lanes;
mod limits;
mod pi;
mod portable;
mod state;

#[cfg(all(target_arch = "x86_64", target_pointer_width = "64", unix))]
pub use bmi::Bmi;
pub use error::{Error, Refused};
pub use kernel::Kernel;
pub use lanes::{Departed, Lanes};
pub use limits::{Cost, LaneCount};

/// The longest password that bcrypt reads whole, in bytes.
pub const MAX_PASSWORD_BYTES: usize = 72;

/// The length of a salt, in bytes.
pub const SALT_BYTES: usize = 16;

/// The result of bcrypt. A bcrypt string encodes the first 23 bytes and leaves the last one out.
pub type Digest = [u8; 24];

/// A single hash, from start to end, on the calling thread.
///
/// # Errors
///
/// [`Error::PasswordTooLong`] above 72 bytes.
pub fn bcrypt(
    kernel: Kernel,
    password: &[u8],
    salt: &[u8; SALT_BYTES],
    cost: Cost,
) -> Result<Digest, Error> {
    let mut lanes = Lanes::new(kernel, LaneCount::MIN);
    lanes.join(password, salt, cost, ()).map_err(|refused| refused.error)?;
    loop {
        if let Some(((), digest)) = lanes.step().next() {
            return Ok(digest);
        }
    }
}
