//! Priorities of messages, and fair queueing (ADR 13).

use crate::{
    delivery::{Content, Message},
    domain::{CodePurpose, Email, Source},
    store::Priority,
    token::{self, MasterKey},
};

/// The priority of a message. Login codes go first: they need a password, while strangers can request other codes.
pub(super) fn priority(content: &Content) -> Priority {
    match content {
        Content::Code { purpose: CodePurpose::Login, .. } => Priority::LoginCode,
        Content::Code {
            purpose:
                CodePurpose::VerifyEmail
                | CodePurpose::ResetPassword
                | CodePurpose::ChangeEmail
                | CodePurpose::EmailLogin,
            ..
        } => Priority::Code,
        Content::Notice(_)
        | Content::Device(_)
        | Content::EmailChanged(_)
        | Content::DeletionRequested(_) => Priority::Notice,
    }
}

/// The queue of all requests from one network. A digest: the database learns no addresses by it.
pub(super) fn source(master_key: &MasterKey, message: &Message) -> [u8; 32] {
    let source = Source::from(message.address).to_bytes();
    master_key.digest(token::Purpose::OutboxLine, &[b"source", &source])
}

/// The queue of one mailbox, however its address is spelled.
pub(super) fn account(master_key: &MasterKey, message: &Message) -> [u8; 32] {
    let mailbox = Email::mailbox_of(&message.destination);
    master_key.digest(token::Purpose::OutboxLine, &[b"account", mailbox.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        delivery::{Cause, Notice},
        domain::Timestamp,
    };

    fn message(address: &str, destination: &str) -> Message {
        Message {
            username: "alice".into(),
            destination: destination.into(),
            address: Some(address.parse().unwrap()),
            content: Content::Notice(Notice::PasswordChanged),
            created_at: Timestamp::from_unix_micros(0),
            cause: Cause::default(),
        }
    }

    #[test]
    fn a_network_is_a_line_and_so_is_a_mailbox_in_all_its_spellings() {
        let key = MasterKey::parse(&MasterKey::generate_text()).unwrap();
        let lines = |address, destination| {
            let message = message(address, destination);
            (source(&key, &message), account(&key, &message))
        };
        let one = lines("2001:db8::1", "alice@example.com");
        assert_eq!(one, lines("2001:db8::2", "Alice+tag@Example.com"));
        let other = lines("2001:db8:0:1::1", "bob@example.com");
        assert!(one.0 != other.0 && one.1 != other.1 && one.0 != one.1);
    }
}
