//! [`MailboxCodes`](crate::store::MailboxCodes).

use async_trait::async_trait;

use super::{
    Backend,
    statements::{claims, mailbox},
};
use crate::{
    domain::Timestamp,
    store::{MailboxCode, MailboxCodes, MailboxProof, NewMailboxCode, Reservation, Result},
};

#[async_trait]
impl MailboxCodes for Backend {
    async fn mailbox_code_create(&self, new: NewMailboxCode) -> Result<()> {
        self.write("mailbox_code_create", new, |connection, new| {
            Box::pin(mailbox::insert(connection, new))
        })
        .await
    }

    async fn mailbox_code_reserve(
        &self,
        id_mac: [u8; 32],
        max_attempts: u32,
        now: Timestamp,
    ) -> Result<Reservation<MailboxCode>> {
        // A flood of random ids is refused by this read, without queueing for SQLite's single writer.
        let open = self.read("mailbox_code_is_open", (id_mac, now), |connection, (id_mac, now)| {
            Box::pin(mailbox::is_open(connection, id_mac, *now))
        });
        if !open.await? {
            return Ok(Reservation::Invalid);
        }
        self.write(
            "mailbox_code_reserve",
            (id_mac, max_attempts, now),
            |connection, (id_mac, max_attempts, now)| {
                Box::pin(mailbox::reserve(connection, id_mac, *max_attempts, *now))
            },
        )
        .await
    }

    async fn email_verify(&self, proof: MailboxProof) -> Result<bool> {
        self.write("email_verify", proof, |connection, proof| {
            Box::pin(claims::verify_email(connection, proof))
        })
        .await
    }

    async fn unverified_user_end(&self, proof: MailboxProof) -> Result<bool> {
        self.write("unverified_user_end", proof, |connection, proof| {
            Box::pin(claims::end(connection, proof))
        })
        .await
    }
}
