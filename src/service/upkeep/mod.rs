//! Upkeep: what a replica does to stay fit, and whether it is.

mod janitor;
mod readiness;

pub use self::{
    janitor::Janitor,
    readiness::{NotReady, Readiness},
};
