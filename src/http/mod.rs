//! The HTTP transport: for verifiers, probes and Prometheus, and OAuth's endpoints for services. It decides nothing.

mod accept;
mod cache;
mod call;
mod limits;
mod oauth;
mod pace;
mod paths;
mod routes;
mod server;
mod site;
mod table;

pub use self::{
    limits::Limits,
    server::serve,
    site::{Figures, Site},
    table::paths,
};
