//! Passwords that were published in breaches: a list in a file, made once and asked for each new password.
//!
//! The file is ours (`layout`): 4 bytes an entry, ordered, with an index before them. [`build`] makes it of a list of SHA-1
//! hashes such as Pwned Passwords, in one pass and flat memory; [`Breached`] looks up in it. No network, and no SQL.
//!
//! A look-up is two reads at a place. No memory map: it takes `unsafe`, and a file that somebody truncates would end the process
//! (SIGBUS) instead of one look-up (ADR 50).

mod build;
mod builder;
mod error;
mod key;
mod layout;
mod line;
mod list;
mod reading;
mod section;
mod source;
#[cfg(test)]
mod tests;

pub use self::{
    build::{Request, build},
    builder::Builder,
    error::{BuildError, LineProblem, OpenError},
    key::Key,
    layout::Facts,
    list::Breached,
    source::Source,
};
