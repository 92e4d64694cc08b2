//! [`Retries`](crate::store::Retries).

use async_trait::async_trait;

use super::{Backend, statements::retries};
use crate::{
    domain::Timestamp,
    store::{Result, Retries},
};

#[async_trait]
impl Retries for Backend {
    async fn answer_find(&self, key: [u8; 32], now: Timestamp) -> Result<Option<Vec<u8>>> {
        self.read("answer_find", (key, now), |connection, (key, now)| {
            Box::pin(retries::answer(connection, key, *now))
        })
        .await
    }
}
