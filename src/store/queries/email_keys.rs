//! Renews keys of addresses that an earlier release built differently (ADR 24): a domain that is not ASCII is now an
//! A-label in the key. SQL can't do that, so it follows the migrations, in this program.

use uuid::Uuid;

use super::{Backend, statements::email_keys};
use crate::store::Result;

impl Backend {
    /// Renews the keys that differ from this release's. Safe when several replicas do so at once, and again after a replica
    /// of an earlier release has added a user.
    ///
    /// # Errors
    /// The database's.
    pub(in crate::store) async fn renew_email_keys(&self) -> Result<()> {
        let mut last = Uuid::nil();
        loop {
            let page = self.read("emails_not_ascii", last, |connection, last| {
                Box::pin(email_keys::not_ascii(connection, *last))
            });
            let page = page.await?;
            let Some((id, ..)) = page.last() else { return Ok(()) };
            last = *id;
            for renewal in page.into_iter().filter_map(email_keys::renewal) {
                let without = self
                    .write("email_key_renew", renewal, |connection, renewal| {
                        Box::pin(email_keys::settle(connection, renewal))
                    })
                    .await?;
                if let Some(id) = without {
                    tracing::warn!(
                        user_id = %id,
                        "another account has the same mailbox under another spelling of its domain: log in by username"
                    );
                }
            }
        }
    }
}
