//! Operations: every read and write of the store has a name, a duration, and a result. Both doors of both databases
//! (`read`, `write`) go through here, so that every access to a database is counted and named.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::{
    Error, Result,
    waits::{Wait, Waits},
};
use crate::trace::{Active, Kind, Text, current};

/// Buckets in seconds, from a cached row to the deadline of a write.
const BUCKETS: [f64; 13] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 20.0];

/// Both values are ours: no caller can add a time series.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    operation: &'static str,
    result: &'static str,
}

/// Durations of one store's operations, by name and result, and the waits before them. Clones share the counts.
#[derive(Debug, Clone)]
pub struct Operations {
    durations: Family<Labels, Histogram, fn() -> Histogram>,
    waits: Waits,
    /// The database, as OpenTelemetry names it (`db.system.name`).
    system: &'static str,
}

impl Operations {
    /// Those of a database of that name.
    pub(super) fn of(system: &'static str) -> Self {
        let durations: Family<_, _, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(BUCKETS));
        Self { durations, waits: Waits::default(), system }
    }

    /// The same, which wait as `waits` counts.
    pub(super) fn after(self, waits: Waits) -> Self {
        Self { waits, ..self }
    }

    /// Registers the metrics.
    pub fn register(&self, registry: &mut Registry) {
        self.waits.register(registry);
        registry.register_with_unit(
            "countersign_store_operation_duration",
            "How long operations of the store took, from the call to its answer",
            Unit::Seconds,
            self.durations.clone(),
        );
    }

    /// Starts the timer of an operation (OpenTelemetry: `db.operation.name`).
    pub(super) fn start(&self, name: &'static str) -> Operation {
        let (operations, ended, call) = (self.clone(), AtomicBool::new(false), current());
        Operation(Arc::new(Begun { name, at: Instant::now(), operations, ended, call }))
    }
}

/// One operation, from the call to its answer. A write is shared by its caller and the task that runs it: clones are one
/// operation, and the first end counts.
#[derive(Debug, Clone)]
pub(super) struct Operation(Arc<Begun>);

#[derive(Debug)]
struct Begun {
    name: &'static str,
    at: Instant,
    operations: Operations,
    ended: AtomicBool,
    /// The traced call that it is a part of.
    call: Option<Active>,
}

impl Operation {
    /// Counts a wait for the database, until drop.
    pub(super) fn waits(&self) -> Wait {
        self.0.operations.waits.start()
    }

    /// Records the end. An error carries the operation's name from here on.
    pub(super) fn end<T>(&self, result: Result<T>) -> Result<T> {
        if self.0.ended.swap(true, Ordering::Relaxed) {
            return result;
        }
        self.0.count(match &result {
            Ok(_) => "ok",
            Err(error) => error.kind(),
        });
        result.map_err(|error| error.during(self.0.name))
    }

    /// Like `end`, in the task of a write. If the caller has gone, nothing else reports a failure: log it.
    pub(super) fn end_in_task<T>(&self, result: Result<T>) -> Result<T> {
        let nobody_waits = Arc::strong_count(&self.0) == 1;
        let result = self.end(result);
        if let Err(error) = &result
            && nobody_waits
        {
            let (operation, sqlstate) = (self.0.name, error.sqlstate());
            let cause = std::error::Error::source(error).map(ToString::to_string);
            let sqlstate = sqlstate.as_deref();
            // While the database is away, which is logged elsewhere, every write would log this.
            if error.kind() == "error" {
                tracing::warn!(operation, sqlstate, %error, cause, "write failed after the caller disconnected");
            } else {
                tracing::debug!(operation, sqlstate, %error, cause, "write failed after the caller disconnected");
            }
        }
        result
    }
}

impl Begun {
    fn count(&self, result: &'static str) {
        let labels = Labels { operation: self.name, result };
        self.operations.durations.get_or_create(&labels).observe(self.at.elapsed().as_secs_f64());
        if let Some(call) = &self.call {
            self.trace(call, result);
        }
    }

    /// A lost race is retried, and a caller may go: neither is a failure of the database.
    fn trace(&self, call: &Active, result: &'static str) {
        let mut attributes = vec![
            ("db.system.name", self.operations.system.into()),
            ("db.operation.name", self.name.into()),
        ];
        if result != "ok" {
            attributes.push(("error.type", result.into()));
        }
        let failed = ["error", "unavailable"].contains(&result);
        let what = (Text::joined("store", " ", self.name), Kind::Client);
        call.part(what, (self.at, Instant::now()), attributes, failed);
    }
}

impl Drop for Begun {
    /// Dropped before its end: the caller went away, or a panic unwound.
    fn drop(&mut self) {
        if !self.ended.load(Ordering::Relaxed) {
            self.count(if std::thread::panicking() { "error" } else { "cancelled" });
        }
    }
}

impl Error {
    /// The class of the error, as a label: what an operator can do about it differs.
    fn kind(&self) -> &'static str {
        if self.lost_a_race() {
            return "conflict";
        }
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::SchemaMissing(_)
            | Self::SchemaOutdated { .. }
            | Self::Url(_)
            | Self::NotPrivate(_)
            | Self::File(_)
            | Self::NotDurable(_)
            | Self::Unfit(_)
            | Self::Migration(_)
            | Self::Corrupt(_)
            | Self::Statement(_) => "error",
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    /// The count of each result of an operation.
    fn counted(operations: &Operations) -> Vec<String> {
        let mut registry = Registry::default();
        operations.register(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let name = "countersign_store_operation_duration_seconds_count";
        let counts = text.lines().filter_map(|line| line.strip_prefix(name));
        let mut counts: Vec<_> = counts.map(str::to_owned).collect();
        counts.sort();
        counts
    }

    #[test]
    fn each_end_is_counted_once_by_what_became_of_it() {
        let operations = Operations::of("sqlite");
        let start = || operations.start("user_create");
        start().end(Ok(())).unwrap();
        let (caller, task) = (start(), start());
        let twice = caller.clone();
        let error = caller.end::<()>(Err(Error::Unavailable("away".into()))).unwrap_err();
        twice.end::<()>(Err(error)).unwrap_err();
        task.end_in_task::<()>(Err(Error::Statement("defect".into()))).unwrap_err();
        drop(start());
        let panicked = std::thread::spawn({
            let begun = start();
            move || {
                let _begun = begun;
                panic!("as a defect would")
            }
        });
        panicked.join().unwrap_err();
        assert_eq!(
            counted(&operations),
            [("cancelled", 1), ("error", 2), ("ok", 1), ("unavailable", 1)].map(
                |(result, count)| format!(
                    r#"{{operation="user_create",result="{result}"}} {count}"#
                )
            )
        );
    }

    #[test]
    fn an_error_says_of_which_operation_it_is_and_once() {
        let operations = Operations::of("sqlite");
        let operation = operations.start("user_create");
        let error = operation.end::<()>(Err(Error::Statement("defect".into()))).unwrap_err();
        let error = operation.end::<()>(Err(error)).unwrap_err();
        assert_eq!(error.operation(), Some("user_create"));
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(source.to_string(), "user_create: defect");
        assert!(source.source().is_none(), "a chain would say it twice");
    }
}
