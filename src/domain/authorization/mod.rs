//! What requests to other services take: the rules that `ext_authz` answers by.

mod demand;
mod file;
mod reading;
mod rule;
mod rules;
mod target;

pub use self::{
    demand::{Bearer, Holder, Lack},
    reading::{Request, Unclear},
    rule::{Access, Rule},
    rules::{Found, Rules},
};
