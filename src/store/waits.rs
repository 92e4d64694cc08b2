//! How long callers wait for the database before it begins with what they ask: for a free connection, and on SQLite for their
//! turn to write.

use prometheus_client::{
    metrics::histogram::Histogram,
    registry::{Registry, Unit},
};
use tokio::time::Instant;

/// Buckets in seconds, from a free connection to the end of the callers' patience.
const BUCKETS: [f64; 11] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.1, 0.25, 0.5, 1.0, 3.0];

/// The waits of one store. Clones share the counts.
#[derive(Debug, Clone)]
pub(super) struct Waits(Histogram);

impl Default for Waits {
    fn default() -> Self {
        Self(Histogram::new(BUCKETS))
    }
}

/// One wait. It ends on drop, also in vain.
#[derive(Debug)]
pub(super) struct Wait {
    waits: Waits,
    begun: Instant,
}

impl Waits {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "countersign_database_wait",
            "How long reads and writes waited for a connection to the database, or on SQLite to write, also in vain",
            Unit::Seconds,
            self.0.clone(),
        );
    }

    pub(super) fn begin(&self) -> Wait {
        Wait { waits: self.clone(), begun: Instant::now() }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.waits.0.observe(self.begun.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus_client::encoding::text::encode;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_wait_is_as_long_as_it_lasts() {
        let waits = Waits::default();
        drop(waits.begin());
        let wait = waits.begin();
        tokio::time::advance(Duration::from_secs(2)).await;
        drop(wait);
        let mut registry = Registry::default();
        waits.register(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            r#"countersign_database_wait_seconds_bucket{le="0.0001"} 1"#,
            r#"countersign_database_wait_seconds_bucket{le="1.0"} 1"#,
            r#"countersign_database_wait_seconds_bucket{le="3.0"} 2"#,
            "countersign_database_wait_seconds_sum 2.0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
        }
    }
}
