//! What the log delivery has written lately, in memory: for the page of development.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use zeroize::Zeroizing;

use super::{Content, Message};
use crate::domain::Timestamp;

/// How many messages are kept.
const KEPT: usize = 50;

/// The last messages. Clones share them.
#[derive(Clone, Default)]
pub struct Inbox(Arc<Mutex<VecDeque<Kept>>>);

/// A message in it.
#[derive(Clone)]
pub struct Kept {
    /// Its kind, as the log names it.
    pub kind: &'static str,
    /// The address that it is for.
    pub destination: String,
    /// The code, also one that undoes a change; empty in other notices.
    pub code: Zeroizing<String>,
    /// The time of what caused it.
    pub created_at: Timestamp,
}

impl Inbox {
    pub(super) fn keep(&self, message: &Message) {
        let code = match &message.content {
            Content::Code { code, .. } => code.expose().to_owned(),
            Content::EmailChanged(_) | Content::DeletionRequested(_) | Content::Notice(_) => {
                let undo = message.content.undo();
                undo.map(|undo| undo.code.shown().to_string()).unwrap_or_default()
            }
            Content::Device(_) => String::new(),
        };
        let kept = Kept {
            kind: message.content.kind(),
            destination: message.destination.clone(),
            code: Zeroizing::new(code),
            created_at: message.created_at,
        };
        let mut messages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        messages.truncate(KEPT - 1);
        messages.push_front(kept);
    }

    /// The messages, the newest first.
    pub fn newest_first(&self) -> Vec<Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// Shows no code.
impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inbox")
    }
}

/// Shows no code.
impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("kind", &self.kind).finish_non_exhaustive()
    }
}
