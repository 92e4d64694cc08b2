//! The id of the current trace, for what refers to it: exemplars of metrics.

use crate::trace::current;

/// The id of the trace that the current call belongs to, if the call is recorded: what refers to it finds it.
pub fn trace_id() -> Option<String> {
    let context = current()?.context().clone();
    context.sampled.then(|| context.trace_id.to_string())
}
