//! Upkeep: garbage collection, and the readiness check.

mod janitor;
mod readiness;

pub use self::{
    janitor::Janitor,
    readiness::{NotReady, Readiness},
};
