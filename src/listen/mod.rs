//! Accepting connections, for both servers: TCP, TLS and Unix sockets, limits for all together and for one source, and
//! refusals beyond them.

mod address;
mod gate;
mod handshake;
mod listener;
mod refusals;
mod seldom;
mod shares;
mod socket;
pub mod tls;
mod unix;

pub use self::{
    address::Address, gate::Place, listener::Listener, refusals::Figures, shares::Limits,
    socket::Socket,
};
