//! Runs writes to their end, and limits their number.

use std::sync::Arc;

use tokio::{sync::Semaphore, time::timeout};
use tracing::Instrument as _;

use crate::store::{
    Error, PATIENCE, Result, WRITE_DEADLINE,
    operations::Operation,
    write_health::{Busy, WriteHealth},
};

/// Running writes, limited to the number of connections; and their health.
#[derive(Debug, Clone)]
pub(super) struct Writes {
    places: Arc<Semaphore>,
    health: WriteHealth,
}

impl Writes {
    pub(super) fn new(connections: u32) -> Self {
        let places = connections.try_into().unwrap_or(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(places)), health: WriteHealth::default() }
    }

    pub(super) fn health(&self) -> &WriteHealth {
        &self.health
    }

    /// Runs a write to its end, even if the caller goes away: tonic drops a handler whose client disconnects, and half a
    /// write must not stay. A caller who goes while queued takes the write along, so that callers who send and disconnect
    /// leave no backlog of tasks (backpressure).
    pub(super) async fn to_its_end<T: Send + 'static>(
        &self,
        operation: Operation,
        write: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let place = timeout(PATIENCE, Arc::clone(&self.places).acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            return operation.end(Err(Error::Unavailable(Busy.into())));
        };
        let (health, in_task) = (self.health.clone(), operation.clone());
        let write = async move {
            let _place = place;
            // A database that hangs must not hold the place for ever.
            let hangs = |_elapsed| Error::Unavailable("a write was not answered in time".into());
            let result = timeout(WRITE_DEADLINE, write).await.map_err(hangs).flatten();
            if result.is_err() {
                health.note(&result);
            }
            in_task.end_in_task(result)
        };
        // The write's log lines belong to the caller's request.
        operation.end(match tokio::spawn(write.in_current_span()).await {
            Ok(result) => result,
            Err(panicked) if panicked.is_panic() => Err(Error::Statement(panicked.into())),
            Err(stopping) => Err(Error::Unavailable(stopping.into())),
        })
    }
}

#[cfg(test)]
mod tests {
    use tracing::Span;

    use super::*;
    use crate::store::Operations;

    #[tokio::test]
    async fn a_write_runs_in_the_span_of_its_caller() {
        let _log = tracing::subscriber::set_default(tracing_subscriber::registry());
        let span = tracing::error_span!("call");
        let (writes, operation) = (Writes::new(1), Operations::of("postgresql").start("test"));
        let write = writes.to_its_end(operation, async { Ok(Span::current().id()) });
        let told = write.instrument(span.clone()).await.unwrap();
        assert!(told.is_some() && told == span.id());
    }
}
