//! The crate from outside, one file a subject.

mod against_bcrypt;
mod known_vectors;
mod limits;
mod schedule;
