//! The edge that both transports share: access, deadlines, observation of calls, and errors for callers.
//!
//! The edge knows neither tonic nor axum. `grpc` and `http` pass in heads of requests, and convert the results into
//! their own form.

mod access;
mod arrival;
mod call;
mod code;
mod deadline;
mod layer;
mod refusal;

pub use self::access::{Gate, Need, Rpc, TABLE};
pub(crate) use self::{
    access::bearer,
    arrival::{arrived, context, origin},
    call::Call,
    code::Code,
    deadline::{Deadline, Deadlines},
    layer::{Answer, Inner, Rule, Ruled, take_ready},
    refusal::Refusal,
};
