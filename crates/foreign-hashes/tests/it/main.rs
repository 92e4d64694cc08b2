//! Black-box tests of the crate.

#![expect(clippy::unwrap_used, reason = "the functions that tests share fail as tests do")]

mod answers;
mod bcrypt_family;
mod bounds;
mod canonical;
mod changes;
mod exceptions;
mod fixtures;
mod vectors;
