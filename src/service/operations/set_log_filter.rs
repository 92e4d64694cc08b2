//! SetLogFilter: more of this replica is logged, for a while.

use std::time::Duration;

use super::Operations;
use crate::{
    domain::{Context, Event, EventKind, InvalidField, Timestamp, size},
    log_filter::{Directives, USUAL_TTL},
    service::{
        Error,
        fields::{Fields, check_sizes},
    },
};

/// The longest time: a log that is raised for good is a setting.
const LONGEST_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// The filter of the log, and until when it is raised.
#[derive(Debug)]
pub struct LogFilterInForce {
    /// The configured filter.
    pub configured: String,
    /// What is logged in addition, and until when; nothing if it was put back.
    pub raised: Option<(String, Timestamp)>,
}

impl Operations {
    /// Raises the log's filter for that many seconds, or puts the configured one back if `filter` is empty. The event is
    /// stored first: what is not recorded is not done.
    ///
    /// # Errors
    /// Bad fields; the store's.
    pub async fn set_log_filter(
        &self,
        context: &Context,
        filter: &str,
        ttl_seconds: i32,
    ) -> Result<LogFilterInForce, Error> {
        check_sizes([(size::FILTER, filter)])?;
        let mut fields = Fields::default();
        let directives = (!filter.is_empty()).then(|| Directives::parse(filter)).transpose();
        let directives =
            fields.check(directives.map_err(|wanted| InvalidField::new("filter", wanted)));
        let ttl = fields.check(ttl(ttl_seconds));
        let (directives, ttl) = fields.all(directives.zip(ttl))?;
        let (now, actor) = (self.clock.now(), context.actor.clone());
        let (kind, session) = (EventKind::LogFilterChanged, context.session_id);
        let event = Event::of(kind, None, session, actor, context.address, now);
        self.store.event_append(event, None).await?;
        let raised = directives.as_ref().map(|directives| (directives.to_string(), now.plus(ttl)));
        match directives {
            Some(directives) => self.log_filter.raise(directives, ttl),
            None => self.log_filter.restore(),
        }
        Ok(LogFilterInForce { configured: self.log_filter.configured().to_owned(), raised })
    }
}

/// Nothing is the usual time.
fn ttl(seconds: i32) -> Result<Duration, InvalidField> {
    let ttl = match u64::try_from(seconds) {
        Ok(0) => Some(USUAL_TTL),
        Ok(seconds) => Some(Duration::from_secs(seconds)).filter(|ttl| *ttl <= LONGEST_TTL),
        Err(_negative) => None,
    };
    ttl.ok_or(InvalidField::new("ttl_seconds", "must be from 0 to 86400"))
}
