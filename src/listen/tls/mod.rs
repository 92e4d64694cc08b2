//! TLS: the files of a certificate, the configuration made of them, and its replacement while the server runs.
//!
//! Only this folder and the sockets know TLS; only `certificate.rs` reads names out of a certificate.

mod certificate;
mod figures;
mod files;
mod in_force;
mod pem;
mod probe;
mod problem;
mod reload;
mod sessions;

pub(super) use self::{
    certificate::caller_of,
    figures::{Outcome, Outcomes},
};
pub use self::{
    figures::Figures,
    files::{ClientAuth, Files, MinVersion},
    in_force::Protocol,
    probe::probe_config,
    problem::{Part, Problem},
    reload::Tls,
};
