//! The HTTP transport: for verifiers, probes and Prometheus. It decides nothing and takes no input.

mod accept;
mod limits;
mod pace;
mod routes;
mod server;

pub use self::{
    limits::Limits,
    routes::{Figures, Site},
    server::serve,
};
