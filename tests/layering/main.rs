//! Which module may use what. The rules are those of the crate's documentation; this fails where one is broken.

#![expect(clippy::unwrap_used, reason = "a test that can't go on must fail")]

mod circles;
mod layers;
mod libraries;
mod parts;
mod paths;
mod sizes;
mod source;
mod statements;
mod tokens;
mod words;
