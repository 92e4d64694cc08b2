//! Re-encryption of all stored values under the current master key and format, so that the old key can go (ADR 20).

use std::sync::Arc;

use uuid::Uuid;

use crate::{
    store::{self, Resealed, SealedColumn, SealedValue, Store, WrappedKey},
    token::{MasterKey, Place},
};

/// Rows changed in one transaction.
const BATCH: u32 = 500;

/// Columns whose rows have a UUID.
const COLUMNS: [SealedColumn; 4] = [
    SealedColumn::SigningKeys,
    SealedColumn::TotpSecrets,
    SealedColumn::Messages,
    SealedColumn::SubscriptionSecrets,
];

/// Re-encrypts values. Safe beside running servers and concurrent runs: compare-and-set replaces a value only while it
/// is the one that was read.
#[derive(Debug, Clone)]
pub struct Reencryption {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// Decrypts the values, and encrypts them anew.
    pub(crate) master_key: MasterKey,
}

/// The outcome for a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reencrypted {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// Values encrypted anew.
    pub moved: u64,
    /// Values that were under the current key before.
    pub current: u64,
    /// The ids of the rows that neither key decrypts.
    pub unreadable: Vec<String>,
}

/// Why the run stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReencryptError {
    /// The store's.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The crypto library's.
    #[error("a value can't be encrypted")]
    NotSealed,
}

impl Reencryption {
    /// The number of values.
    ///
    /// # Errors
    /// The store's.
    pub async fn count(&self) -> Result<u64, store::Error> {
        let mut count = self.store.wrapped_keys().await?.len() as u64;
        for column in COLUMNS {
            count += self.store.sealed_count(column).await?;
        }
        Ok(count)
    }

    /// Re-encrypts all values, and reports to `progress` how many were processed. Idempotent: values under the current
    /// key are skipped without decrypting.
    ///
    /// # Errors
    /// The store's. Values moved until then stay so.
    pub async fn run(
        &self,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Vec<Reencrypted>, ReencryptError> {
        let mut done = Vec::new();
        for column in COLUMNS {
            done.push(self.column(column, progress).await?);
        }
        done.push(self.wrapped_keys(progress).await?);
        Ok(done)
    }

    async fn column(
        &self,
        column: SealedColumn,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Reencrypted, ReencryptError> {
        let (mut done, mut after) = (Reencrypted::of(column), Uuid::nil());
        loop {
            let page = self.store.sealed_page(column, after, BATCH).await?;
            let Some(last) = page.last() else { return Ok(done) };
            after = last.id;
            let mut resealed = Vec::new();
            for value in &page {
                let place = place(column, value);
                if let Some(to) = self.reseal(&place, &value.id, &value.sealed, &mut done)? {
                    resealed.push(Resealed { id: value.id, from: value.sealed.clone(), to });
                }
            }
            if !resealed.is_empty() {
                done.moved += self.store.sealed_replace(column, resealed).await?;
            }
            progress(page.len() as u64);
        }
    }

    async fn wrapped_keys(
        &self,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Reencrypted, ReencryptError> {
        let mut done = Reencrypted::new("wrapped_keys", "sealed_key");
        for key in self.store.wrapped_keys().await? {
            let WrappedKey { name, sealed } = &key;
            let to = self.reseal(&Place::WrappedKey(name), name, sealed, &mut done)?;
            if let Some(to) = to {
                done.moved += u64::from(self.store.wrapped_key_replace(key, to).await?);
            }
            progress(1);
        }
        Ok(done)
    }

    /// The value under the current key; `None` if it is so already, or no key decrypts it.
    fn reseal(
        &self,
        place: &Place<'_>,
        id: &impl ToString,
        sealed: &[u8],
        done: &mut Reencrypted,
    ) -> Result<Option<Vec<u8>>, ReencryptError> {
        if self.master_key.is_current(sealed) {
            done.current += 1;
            return Ok(None);
        }
        let Ok(plain) = self.master_key.open(place, sealed) else {
            done.unreadable.push(id.to_string());
            return Ok(None);
        };
        let resealed = self.master_key.seal(place, &plain);
        resealed.map(Some).map_err(|_unspecified| ReencryptError::NotSealed)
    }
}

impl Reencrypted {
    fn of(column: SealedColumn) -> Self {
        match column {
            SealedColumn::SigningKeys => Self::new("signing_keys", "sealed_private_key"),
            SealedColumn::TotpSecrets => Self::new("totp_factors", "sealed_secret"),
            SealedColumn::Messages => Self::new("outbox", "sealed_message"),
            SealedColumn::SubscriptionSecrets => Self::new("subscriptions", "sealed_secret"),
        }
    }

    fn new(table: &'static str, column: &'static str) -> Self {
        Self { table, column, moved: 0, current: 0, unreadable: Vec::new() }
    }
}

fn place(column: SealedColumn, value: &SealedValue) -> Place<'static> {
    let id = value.id;
    match column {
        SealedColumn::SigningKeys => Place::SigningKey(id),
        // Every app has a user.
        SealedColumn::TotpSecrets => {
            Place::TotpSecret { id, user_id: value.user_id.unwrap_or_default() }
        }
        SealedColumn::Messages => Place::Message(id),
        SealedColumn::SubscriptionSecrets => Place::SubscriptionSecret(id),
    }
}
