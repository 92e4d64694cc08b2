//! The edge that both transports share: access, deadlines, observation of calls, and errors for callers.
//!
//! The edge knows neither tonic nor axum. `grpc` and `http` pass in heads of requests, and convert the results into
//! their own form.

mod access;
mod arrival;
mod bearer;
mod call;
mod code;
mod deadline;
mod gate;
mod layer;
mod media_type;
mod reached;
mod refusal;
mod rpcs;
mod server_header;
mod upload;

pub use self::{
    access::{Need, Rpc, TABLE},
    arrival::Peer,
    gate::Gate,
    rpcs::{BrokenOff, Payload, Rpcs},
    server_header::ServerHeader,
};
pub(crate) use self::{
    arrival::{arrived, context},
    bearer::{bearer, bearer_in},
    call::Call,
    code::Code,
    deadline::{Deadline, Deadlines},
    layer::{Answer, Inner, Rule, Ruled, take_ready},
    media_type::{content_type, media_type},
    reached::Reached,
    refusal::Refusal,
    upload::Upload,
};
