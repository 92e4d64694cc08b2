//! What administrators change of a running replica.

mod set_log_filter;

use std::sync::Arc;

use crate::{log_filter::LogFilter, service::Clock, store::Store};

pub use self::set_log_filter::LogFilterInForce;

/// What administrators change of this replica alone.
#[derive(Debug)]
pub struct Operations {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// The filter of the log.
    pub(crate) log_filter: LogFilter,
    /// The clock.
    pub(crate) clock: Clock,
}
