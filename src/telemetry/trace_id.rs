//! The trace that the current work belongs to.

/// The id of the current span's trace, if it is recorded.
pub fn trace_id() -> Option<String> {
    None
}
