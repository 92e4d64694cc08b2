//! The HTTP transport: for verifiers, probes and Prometheus, and OAuth's endpoints for services. It decides nothing.

mod accept;
mod limits;
mod oauth;
mod pace;
mod routes;
mod server;

pub use self::{
    limits::Limits,
    routes::{Figures, Site},
    server::serve,
};
