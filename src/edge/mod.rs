//! What both transports share: what a call needs, how long it has, how it is observed, and what callers are told.
//!
//! It knows neither tonic nor axum. `grpc` and `http` hand in heads of requests, and put what comes out into their own form.

mod code;
mod refusal;

pub(crate) use self::{code::Code, refusal::Refusal};
