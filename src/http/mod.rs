//! The HTTP transport: for verifiers, probes and Prometheus, and OAuth's endpoints for services. It decides nothing.

mod accept;
mod cache;
mod call;
mod consumed;
mod cors;
mod debug;
mod front;
mod inbox;
mod limits;
mod oauth;
mod pace;
mod page_file;
mod pages;
mod paths;
mod routes;
mod server;
mod site;
mod table;
mod well_known;

pub use self::{
    debug::Debug,
    front::service,
    limits::Limits,
    server::{serve, serve_debug},
    site::{Figures, Pages, Site, WellKnown},
    table::paths,
};
