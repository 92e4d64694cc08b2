//! The framing of streams: flags, a length of four bytes, a message. gRPC's is the same, but for the flag of the end.

use hyper::body::Bytes;

use crate::{domain::InvalidField, gateway::call::PREFIX};

/// The flag of the last envelope, which holds no message.
const END: u8 = 0b10;

/// An envelope with a message.
pub(super) fn of(message: &[u8]) -> Bytes {
    sealed(0, message)
}

/// The last envelope.
pub(super) fn end(message: &[u8]) -> Bytes {
    sealed(END, message)
}

fn sealed(flags: u8, message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    Bytes::from([&[flags], &length.to_be_bytes()[..], message].concat())
}

/// The only message of a request.
///
/// # Errors
/// None, several, one that is compressed or not whole.
pub(super) fn only(body: &Bytes) -> Result<Bytes, InvalidField> {
    let problem = "must be one envelope that is whole and not compressed";
    let mut rest = body.clone();
    let message = match take(&mut rest) {
        Some((0, message)) if rest.is_empty() => Some(message),
        _ => None,
    };
    message.ok_or_else(|| InvalidField::new("body", problem))
}

/// Takes the first envelope, if all of it is there: its flags and its message.
pub(super) fn take(from: &mut Bytes) -> Option<(u8, Bytes)> {
    let (head, rest) = from.split_first_chunk::<PREFIX>()?;
    let [flags, length @ ..] = *head;
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    if rest.len() < length {
        return None;
    }
    let mut envelope = from.split_to(PREFIX + length);
    Some((flags, envelope.split_off(PREFIX)))
}
