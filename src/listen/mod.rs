//! Accepting connections, for both servers: how many at a time, of all together and of one source, and what if there is no
//! room.

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
