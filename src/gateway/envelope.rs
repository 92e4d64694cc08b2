//! The framing of messages, gRPC's and Connect's: flags, a length of four bytes, a message. Connect's streams have a flag
//! of the end as well.

use hyper::body::Bytes;

use crate::domain::InvalidField;

/// The bytes before a message: flags and a length.
pub(super) const PREFIX: usize = 5;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_is_taken_once_all_of_it_is_there() {
        for (envelope, flags) in [(of(b"hello"), 0), (end(b"{}"), END), (of(b""), 0)] {
            for cut in 0..envelope.len() {
                let mut part = envelope.slice(..cut);
                assert_eq!(take(&mut part), None, "{cut}");
                assert_eq!(part, envelope.slice(..cut), "nothing is lost");
                assert!(only(&part).is_err(), "{cut}");
            }
            let more = Bytes::from([&envelope[..], b"more"].concat());
            let mut rest = more.clone();
            assert_eq!(take(&mut rest), Some((flags, envelope.slice(PREFIX..))));
            assert_eq!(rest, b"more"[..]);
            assert!(only(&more).is_err());
        }
    }

    #[test]
    fn a_request_is_one_message_and_not_compressed() {
        let whole = of(b"hello");
        assert_eq!(only(&whole), Ok(Bytes::from_static(b"hello")));
        assert_eq!(only(&of(b"")), Ok(Bytes::new()));
        let twice = Bytes::from([&whole[..], &whole[..]].concat());
        for (bad, why) in [
            (Bytes::new(), "none"),
            (twice, "two"),
            (end(b"hello"), "the end"),
            (sealed(1, b"hello"), "compressed"),
            (sealed(0xff, b"hello"), "unknown flags"),
            (Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff]), "longer than all memory"),
        ] {
            assert_eq!(only(&bad).unwrap_err().field, "body", "{why}");
        }
    }
}
