//! What a user hears who has deleted the account, where that can be undone: until when, and by which code.

use serde::{Deserialize, Serialize};

use super::Undo;
use crate::domain::{Timestamp, UndoCode};

/// The kind's name in templates, webhooks, the log and metrics.
pub const DELETION_REQUESTED: &str = "deletion_requested";

/// Its form in the outbox.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptDeletionRequested {
    undo_code: String,
    undo_expires_at: i64,
}

impl From<&Undo> for KeptDeletionRequested {
    fn from(undo: &Undo) -> Self {
        let undo_code = undo.code.expose().to_owned();
        Self { undo_code, undo_expires_at: undo.expires_at.unix_micros() }
    }
}

impl KeptDeletionRequested {
    /// What undoes the deletion; `None` if the code is none.
    pub(super) fn read(self) -> Option<Undo> {
        let code = UndoCode::read(&self.undo_code)?;
        Some(Undo { code, expires_at: Timestamp::from_unix_micros(self.undo_expires_at) })
    }
}
