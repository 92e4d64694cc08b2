//! Accepting connections, for both servers: limits for all together and for one source, and refusals beyond them.

mod listener;
mod refusals;
mod shares;
mod socket;

pub use self::{
    listener::{Listener, Place},
    refusals::Figures,
    shares::Limits,
    socket::Socket,
};
