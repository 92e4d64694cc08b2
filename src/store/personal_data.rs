//! All that is stored about one user, for them.

use async_trait::async_trait;
use uuid::Uuid;

use super::Result;
use crate::domain::{PersonalData, Timestamp};

/// Reads what is stored about one user.
#[async_trait]
pub trait PersonalRecords {
    /// All of it but events ([`super::EventLog::events_page`] has those), by indexes: other users' rows are not read. Each table is read by
    /// itself, one right after the other. `None` if there is no such user, or they are deleted.
    async fn personal_data(&self, user_id: Uuid, now: Timestamp) -> Result<Option<PersonalData>>;
}
