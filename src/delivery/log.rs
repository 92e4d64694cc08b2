//! The log as a delivery. Its target is always logged, whatever the filter (`telemetry::start`).

use super::{Content, Message};

/// The only log line that may hold a code.
pub(super) fn write(message: &Message) {
    let Message { username, destination, .. } = message;
    let purpose = message.content.kind();
    match &message.content {
        Content::Code { code, .. } => tracing::info!(
            target: "countersign::delivery",
            username,
            destination,
            purpose,
            code = code.expose(),
            "one-time code"
        ),
        Content::EmailChanged(_) | Content::DeletionRequested(_) => tracing::info!(
            target: "countersign::delivery",
            username,
            destination,
            purpose,
            undo_code = message.content.undo().map(|undo| undo.code.shown()).as_ref().map(|code| code.as_str()),
            "notice"
        ),
        Content::Notice(_) | Content::Device(_) => tracing::info!(
            target: "countersign::delivery",
            username,
            destination,
            purpose,
            "notice"
        ),
    }
}
