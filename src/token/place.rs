//! The place of a sealed value. It is authenticated with it (associated data), so a value decrypts in its own place only.

use uuid::Uuid;

/// The place of one sealed value: table, column and row, and the user of a row that belongs to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// The private part of the signing key with that id.
    SigningKey(Uuid),
    /// The secret of an authenticator app.
    TotpSecret {
        /// The app's id.
        id: Uuid,
        /// The app's owner.
        user_id: Uuid,
    },
    /// The message with that id in the outbox.
    Message(Uuid),
    /// The secret of the subscription with that id.
    SubscriptionSecret(Uuid),
    /// The key of that name that the master key encrypts.
    WrappedKey(&'a str),
    /// The answer to the request with that digest.
    Answer(&'a [u8; 32]),
    /// Not stored: the end of a page, which its caller sends back.
    PageToken {
        /// The RPC.
        rpc: &'a str,
        /// What it lists.
        query: &'a str,
    },
}

impl Place<'_> {
    /// The associated data (RFC 5116) of a value that begins with `header`. Each part is length-prefixed, so that none can
    /// run into the next.
    pub(super) fn associated_data(&self, header: &[u8]) -> Vec<u8> {
        let (table, column) = self.column();
        let mut data = Vec::new();
        for part in [header, table.as_bytes(), column.as_bytes(), self.row(), self.user()] {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part);
        }
        data
    }

    /// The associated data that release 0.1.0 used: the row's id alone. That release wrapped no keys.
    pub(super) fn associated_data_of_0_1_0(&self) -> Option<&[u8]> {
        match self {
            Self::SigningKey(_) | Self::TotpSecret { .. } | Self::Message(_) => Some(self.row()),
            Self::SubscriptionSecret(_)
            | Self::WrappedKey(_)
            | Self::Answer(_)
            | Self::PageToken { .. } => None,
        }
    }

    fn column(&self) -> (&str, &str) {
        match self {
            Self::SigningKey(_) => ("signing_keys", "sealed_private_key"),
            Self::TotpSecret { .. } => ("totp_factors", "sealed_secret"),
            Self::Message(_) => ("outbox", "sealed_message"),
            Self::SubscriptionSecret(_) => ("subscriptions", "sealed_secret"),
            Self::WrappedKey(_) => ("wrapped_keys", "sealed_key"),
            Self::Answer(_) => ("carried_out", "sealed_answer"),
            Self::PageToken { rpc, .. } => ("page token", rpc),
        }
    }

    fn row(&self) -> &[u8] {
        match self {
            Self::SigningKey(id)
            | Self::TotpSecret { id, .. }
            | Self::Message(id)
            | Self::SubscriptionSecret(id) => id.as_bytes(),
            Self::WrappedKey(name) => name.as_bytes(),
            Self::Answer(key) => *key,
            Self::PageToken { query, .. } => query.as_bytes(),
        }
    }

    fn user(&self) -> &[u8] {
        match self {
            Self::TotpSecret { user_id, .. } => user_id.as_bytes(),
            Self::SigningKey(_)
            | Self::Message(_)
            | Self::SubscriptionSecret(_)
            | Self::WrappedKey(_)
            | Self::Answer(_)
            | Self::PageToken { .. } => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_column_row_user_and_header_are_all_in_the_associated_data() {
        let (id, user_id) = (Uuid::now_v7(), Uuid::now_v7());
        let data = Place::TotpSecret { id, user_id }.associated_data(b"header");
        let parts: [&[u8]; 5] =
            [b"header", b"totp_factors", b"sealed_secret", id.as_bytes(), user_id.as_bytes()];
        for part in parts {
            assert!(data.windows(part.len()).any(|window| window == part), "{part:?}");
        }
    }

    #[test]
    fn no_two_places_share_their_associated_data() {
        let (id, other) = (Uuid::now_v7(), Uuid::now_v7());
        let places = [
            Place::SigningKey(id),
            Place::SigningKey(other),
            Place::Message(id),
            Place::SubscriptionSecret(id),
            Place::TotpSecret { id, user_id: other },
            Place::TotpSecret { id, user_id: id },
            Place::TotpSecret { id: other, user_id: id },
            Place::WrappedKey("digest"),
            Place::WrappedKey("digest2"),
            Place::WrappedKey(""),
            Place::Answer(&[1; 32]),
            Place::Answer(&[2; 32]),
            Place::PageToken { rpc: "ListUsers", query: "" },
            Place::PageToken { rpc: "ListUsers", query: "a" },
            Place::PageToken { rpc: "ListUser", query: "sa" },
        ];
        let data: std::collections::HashSet<_> =
            places.iter().map(|place| place.associated_data(b"header")).collect();
        assert_eq!(data.len(), places.len());
    }
}
