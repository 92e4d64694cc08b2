//! The filter of the log: as it is configured, and raised for a while at run time.
//!
//! Raising adds lines of this crate and takes none away: an administrator can neither silence the log nor let libraries
//! print what they have at hand, such as headers with bearer tokens. Lines with codes stay as configured.
//!
//! `tracing` asks a filter once for each place in the code that logs, and remembers the answer until it is told that the
//! filter has changed. So a filter that could be raised costs nothing while it is not.

mod directives;

use std::{
    convert::Infallible,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tracing::{
    Metadata, Subscriber,
    callsite::rebuild_interest_cache,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_subscriber::{EnvFilter, Layer, filter::LevelFilter, layer::Context};

pub use self::directives::Directives;

/// How long a raised filter lasts unless another time is given.
pub const USUAL_TTL: Duration = Duration::from_secs(15 * 60);

/// The filter of the log. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct LogFilter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    configured: String,
    filter: EnvFilter,
    /// Whether the configured filter looks at the fields of spans, and so must hear of them.
    looks_at_spans: bool,
    raised: RwLock<Option<Raised>>,
    changed: Notify,
}

/// What a filter is raised by, and until when.
#[derive(Debug, Clone)]
pub struct Raised {
    /// What is logged in addition.
    pub directives: Directives,
    /// When that ends.
    pub until: Instant,
}

impl LogFilter {
    /// The filter that is configured as that text, which `filter` is made of.
    pub fn new(configured: &str, filter: EnvFilter) -> Self {
        Self(Arc::new(Inner {
            configured: configured.to_owned(),
            filter,
            looks_at_spans: configured.contains('['),
            raised: RwLock::default(),
            changed: Notify::new(),
        }))
    }

    /// The configured filter.
    pub fn configured(&self) -> &str {
        &self.0.configured
    }

    /// What it is raised by, if it is.
    pub fn raised(&self) -> Option<Raised> {
        self.0.raised.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Raises the filter, in the place of what it was raised by before.
    pub fn raise(&self, directives: Directives, ttl: Duration) {
        let text = directives.to_string();
        let raised = Raised { directives, until: Instant::now() + ttl };
        self.change(|in_force| *in_force = Some(raised));
        tracing::info!(directives = %text, ?ttl, "the log filter is raised");
    }

    /// Puts the configured filter back.
    pub fn restore(&self) {
        self.restore_if(|_raised| true);
    }

    fn restore_if(&self, is_over: impl Fn(&Raised) -> bool) {
        if self.raised().as_ref().is_some_and(&is_over) {
            // While it is raised: afterwards the line may be filtered out.
            tracing::info!("the log filter is as configured again");
            self.change(|in_force| drop(in_force.take_if(|raised| is_over(raised))));
        }
    }

    /// Never ends: restores the filter when its time is over. One that was raised again at that moment stays.
    pub async fn follow(&self) -> Infallible {
        loop {
            let until = self.raised().map(|raised| raised.until);
            tokio::select! {
                () = self.0.changed.notified() => {}
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                    self.restore_if(|raised| raised.until <= Instant::now());
                }
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Option<Raised>)) {
        change(&mut self.0.raised.write().unwrap_or_else(PoisonError::into_inner));
        rebuild_interest_cache();
        self.0.changed.notify_one();
    }

    fn is_raised_for(&self, metadata: &Metadata<'_>) -> bool {
        let raised = self.0.raised.read().unwrap_or_else(PoisonError::into_inner);
        raised.as_ref().is_some_and(|raised| raised.directives.enable(metadata))
    }
}

/// Nothing is logged: for programs that embed the service.
impl Default for LogFilter {
    fn default() -> Self {
        Self::new("off", EnvFilter::new("off"))
    }
}

impl<S: Subscriber> Layer<S> for LogFilter {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.is_raised_for(metadata) {
            return Interest::always();
        }
        Layer::<S>::register_callsite(&self.0.filter, metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let configured = Layer::<S>::max_level_hint(&self.0.filter)?;
        let raised = self.raised().map_or(LevelFilter::OFF, |raised| raised.directives.most());
        Some(configured.max(raised))
    }

    fn enabled(&self, metadata: &Metadata<'_>, context: Context<'_, S>) -> bool {
        self.is_raised_for(metadata) || Layer::enabled(&self.0.filter, metadata, context)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if self.0.looks_at_spans {
            Layer::on_new_span(&self.0.filter, attributes, id, context);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if self.0.looks_at_spans {
            Layer::on_record(&self.0.filter, id, values, context);
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if self.0.looks_at_spans {
            Layer::on_enter(&self.0.filter, id, context);
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        if self.0.looks_at_spans {
            Layer::on_exit(&self.0.filter, id, context);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if self.0.looks_at_spans {
            Layer::on_close(&self.0.filter, id, context);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tracing::{Event, subscriber::with_default};
    use tracing_subscriber::{layer::SubscriberExt as _, registry};

    use super::*;

    /// Keeps the targets and levels of what is logged.
    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Seen {
        fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
            let metadata = event.metadata();
            // Not what the filter itself says.
            if !metadata.target().starts_with("countersign::log_filter") {
                let seen = format!("{} {}", metadata.target(), metadata.level());
                self.0.lock().unwrap().push(seen);
            }
        }
    }

    /// Logs in places of ours and of others.
    fn log() {
        tracing::debug!(target: "countersign::service", "ours");
        tracing::trace!(target: "countersign::service", "ours");
        tracing::info!(target: "countersign::delivery", "a code");
        tracing::debug!(target: "countersign::delivery", "more of it");
        tracing::trace!(target: "h2", "bearer");
        tracing::warn!(target: "h2", "trouble");
    }

    fn logged(configured: &str, raise: Option<&str>) -> Vec<String> {
        let text = format!("{configured},countersign::delivery=info");
        let (filter, seen) = (LogFilter::new(configured, EnvFilter::new(text)), Seen::default());
        with_default(registry().with(seen.clone()).with(filter.clone()), || {
            // The places are known before the filter changes.
            log();
            seen.0.lock().unwrap().clear();
            if let Some(directives) = raise {
                filter.raise(Directives::parse(directives).unwrap(), USUAL_TTL);
            }
            log();
            let seen = std::mem::take(&mut *seen.0.lock().unwrap());
            filter.restore();
            seen
        })
    }

    #[test]
    fn raising_adds_lines_of_ours_and_takes_none_away() {
        let code = "countersign::delivery INFO";
        assert_eq!(logged("info", None), [code, "h2 WARN"]);
        let debug = "countersign::service DEBUG";
        assert_eq!(logged("info", Some("debug")), [debug, code, "h2 WARN"]);
        assert_eq!(logged("info", Some("error")), [code, "h2 WARN"]);
        let all = [debug, "countersign::service TRACE", code];
        assert_eq!(logged("off", Some("countersign::service=trace")), all);
        assert_eq!(logged("off", Some("countersign::edge=trace")), [code]);
        let spans = logged("info,[call{user_id=7}]=debug", Some("debug"));
        assert_eq!(spans, [debug, code, "h2 WARN"]);
    }

    #[test]
    fn what_was_raised_is_put_back() {
        let (filter, seen) = (LogFilter::new("off", EnvFilter::new("off")), Seen::default());
        with_default(registry().with(seen.clone()).with(filter.clone()), || {
            filter.raise(Directives::parse("trace").unwrap(), USUAL_TTL);
            log();
            assert_eq!(seen.0.lock().unwrap().len(), 2);
            filter.restore();
            log();
            assert_eq!(seen.0.lock().unwrap().len(), 2);
        });
        assert!(filter.raised().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_raised_filter_ends_by_itself_and_a_later_raise_lasts_longer() {
        let filter = LogFilter::default();
        let (raise, second) = (Directives::parse("debug").unwrap(), Duration::from_secs(1));
        let raised_after = async |wait: Duration| {
            tokio::select! {
                never = filter.follow() => match never {},
                () = tokio::time::sleep(wait) => filter.raised().is_some(),
            }
        };
        filter.raise(raise.clone(), 10 * second);
        assert!(raised_after(9 * second).await);
        filter.raise(raise, 10 * second);
        assert!(raised_after(9 * second).await);
        assert!(!raised_after(2 * second).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_raise_at_the_moment_when_the_last_one_ends_is_not_lost() {
        let (filter, ttl) = (LogFilter::default(), Duration::from_secs(10));
        let raise = || filter.raise(Directives::parse("debug").unwrap(), ttl);
        let mut follow = std::pin::pin!(filter.follow());
        // Whom of two that are ready `select!` hears first is random.
        for _ in 0..50 {
            raise();
            // Until it waits for that end.
            assert!(futures_util::poll!(&mut follow).is_pending());
            tokio::time::advance(ttl).await;
            raise();
            assert!(futures_util::poll!(&mut follow).is_pending());
            assert!(filter.raised().is_some());
        }
    }
}
