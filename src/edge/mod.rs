//! What both transports share: what a call needs, how long it has, how it is observed, and what callers are told.
//!
//! It knows neither tonic nor axum. `grpc` and `http` hand in heads of requests, and put what comes out into their own form.

mod access;
mod arrival;
mod call;
mod code;
mod deadline;
mod layer;
mod refusal;

pub use self::access::{Need, TABLE};
pub(crate) use self::{
    access::admit,
    arrival::{arrived, context, origin},
    call::Call,
    code::Code,
    deadline::{Deadline, Deadlines},
    layer::{Answer, Inner, Rule, Ruled, take_ready},
    refusal::Refusal,
};
