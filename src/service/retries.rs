//! Retries: a caller whose answer was lost sends the exact same request again, and gets the same answer (idempotency keys,
//! AIP-155; ADR 43).
//!
//! A request is known by a keyed digest of its id and of all that it says, but for passwords: whoever steals the database and the
//! keys could try passwords against a fast digest. The use cases compare those with the stored hash, each time.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Clock, Error};
use crate::{
    store::{CarriedOut, Store},
    token::{MasterKey, Place, Purpose},
};

/// How long a request is known: through a fail-over of the database, and while a person tries again.
const KNOWN_FOR: Duration = Duration::from_secs(10 * 60);

/// Knows requests that were carried out.
#[derive(Debug, Clone)]
pub struct Retries {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// Keys the digests, and encrypts the answers.
    pub(crate) master_key: MasterKey,
    /// The clock.
    pub(crate) clock: Clock,
}

/// A request, which may be a retry; without an id it is none.
#[derive(Debug, Clone, Copy)]
pub(in crate::service) struct Retry(Option<[u8; 32]>);

impl Retries {
    /// The request by that id: its RPC, whoever may send it again, and its fields.
    pub(in crate::service) fn of(
        &self,
        request_id: Option<Uuid>,
        rpc: &str,
        parts: &[&[u8]],
    ) -> Retry {
        let key = |id: Uuid| {
            let request = [&[rpc.as_bytes(), id.as_bytes().as_slice()], parts].concat();
            self.master_key.digest(Purpose::Retry, &request)
        };
        Retry(request_id.map(key))
    }

    /// The answer that the request got before; `None` if it was not carried out. One that was sealed under a master key that has
    /// been replaced since is lost, and the request is then refused as any that comes twice.
    ///
    /// # Errors
    /// The store's.
    pub(in crate::service) async fn answer(
        &self,
        retry: &Retry,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let Some(key) = retry.0 else { return Ok(None) };
        let sealed = self.store.answer_find(key, self.clock.now()).await?;
        Ok(sealed.and_then(|sealed| self.master_key.open(&Place::Answer(&key), &sealed).ok()))
    }

    /// The answer to the same request, if it was carried out at the same time (race); else the error.
    ///
    /// # Errors
    /// The error; the store's.
    pub(in crate::service) async fn answer_or(
        &self,
        retry: &Retry,
        error: Error,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.answer(retry).await?.ok_or(error)
    }

    /// What the transaction notes that carries the request out.
    ///
    /// # Errors
    /// The crypto library's.
    pub(in crate::service) fn carried_out(
        &self,
        retry: &Retry,
        answer: &[u8],
    ) -> Result<Option<CarriedOut>, Error> {
        let Some(key) = retry.0 else { return Ok(None) };
        let sealed_answer = self.master_key.seal(&Place::Answer(&key), answer);
        let sealed_answer = sealed_answer.map_err(|error| Error::Internal(error.into()))?;
        let now = self.clock.now();
        Ok(Some(CarriedOut { key, sealed_answer, now, expires_at: now.plus(KNOWN_FOR) }))
    }
}
