//! Decoys: rows of the outbox that are written, claimed and removed like messages, and never sent.
//!
//! Against user enumeration: RequestPasswordReset must not reveal whether an account has the address. Without a decoy
//! it would write less for an unknown address, and a concurrent caller would wait less for the store: a timing side
//! channel (`scripts/timing` measures it).

use zeroize::Zeroizing;

use crate::delivery::Message;

/// The mark of decoys. Messages never begin like this: each is one JSON object with other members. An earlier release
/// can't read a decoy, and sends nothing.
const MARK: &[u8] = b"{\"decoy\":";

/// The plain text of a decoy, as long as the message that it replaces, plus the mark.
///
/// # Errors
/// Never in practice: the writer is memory.
pub(super) fn encode(like: &Message) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    Ok(Zeroizing::new([MARK, &like.encode()?, b"}"].concat()))
}

/// Whether an opened row is a decoy.
pub(super) fn is_one(plain: &[u8]) -> bool {
    plain.starts_with(MARK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        delivery::{Cause, Content, Notice},
        domain::Timestamp,
    };

    #[test]
    fn a_decoy_is_as_long_as_a_message_and_no_release_sends_it() {
        let message = Message {
            username: "alice".into(),
            destination: "alice@example.com".into(),
            address: None,
            content: Content::Notice(Notice::PasswordChanged),
            created_at: Timestamp::from_unix_micros(0),
            cause: Cause::default(),
        };
        let (decoy, real) = (encode(&message).unwrap(), message.encode().unwrap());
        assert!(is_one(&decoy) && !is_one(&real));
        assert_eq!(Message::decode(&decoy), None);
        assert_eq!(decoy.len(), real.len() + MARK.len() + 1);
    }
}
