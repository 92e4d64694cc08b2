//! Retries: a caller whose answer was lost sends the exact same request again, and gets the same answer (idempotency keys,
//! AIP-155; ADR 43).
//!
//! A request is known by a keyed digest of its id, of whoever may send it, and of its ids and codes. Passwords are not in it: whoever
//! steals the database and the keys could try them against a fast digest. The use cases compare them with the stored hash instead,
//! each time. Nor are second factors: the request itself has used them up.

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

    /// Carries a request out, unless it was before: then `again` makes its answer of the one that was noted. Whatever the request
    /// is refused for, the same one may have been carried out meanwhile (race): a caller whose deadline was too short sends it
    /// again while it runs, and finds the password changed, the code used up or the session ended by it.
    ///
    /// # Errors
    /// Those of `first`, and of `again`; the store's.
    pub(in crate::service) async fn once<T, Again: Future<Output = Result<T, Error>>>(
        &self,
        retry: &Retry,
        first: impl Future<Output = Result<T, Error>>,
        again: impl FnOnce(Zeroizing<Vec<u8>>) -> Again,
    ) -> Result<T, Error> {
        if let Some(answer) = self.answer(retry).await? {
            return again(answer).await;
        }
        let refused = match first.await {
            Ok(done) => return Ok(done),
            Err(refused) => refused,
        };
        match self.answer(retry).await {
            Ok(Some(answer)) => again(answer).await,
            Ok(None) | Err(_) => Err(refused),
        }
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
