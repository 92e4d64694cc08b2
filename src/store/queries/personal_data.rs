//! [`PersonalRecords`](crate::store::PersonalRecords).

use async_trait::async_trait;
use uuid::Uuid;

use super::{Backend, statements::personal_data};
use crate::{
    domain::{PersonalData, Timestamp},
    store::{PersonalRecords, Result},
};

#[async_trait]
impl PersonalRecords for Backend {
    async fn personal_data(&self, user_id: Uuid, now: Timestamp) -> Result<Option<PersonalData>> {
        self.read("personal_data", (user_id, now), |connection, (user_id, now)| {
            Box::pin(personal_data::of(connection, *user_id, *now))
        })
        .await
    }
}
