//! Everybody's mailbox: what the log delivery says was sent.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::sync::Notify;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    layer::{Context, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

/// The longest that a message may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was sent, in order. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inbox(Arc<Kept>);

#[derive(Debug, Default)]
struct Kept {
    mails: Mutex<Vec<Mail>>,
    arrived: Notify,
}

/// A message as its reader sees it.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    pub(crate) destination: String,
    pub(crate) purpose: String,
    /// Empty in a notice.
    pub(crate) code: String,
    pub(crate) at: Instant,
}

impl Inbox {
    /// Keeps what is delivered from now on.
    pub(crate) fn open() -> anyhow::Result<Self> {
        let inbox = Self::default();
        let delivered = Targets::new().with_target("countersign::delivery", tracing::Level::INFO);
        let layer = inbox.clone().with_filter(delivered);
        tracing_subscriber::registry().with(layer).try_init()?;
        Ok(inbox)
    }

    fn mails(&self) -> MutexGuard<'_, Vec<Mail>> {
        self.0.mails.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an address was sent for that purpose.
    pub(crate) fn of(&self, destination: &str, purpose: &str) -> Vec<Mail> {
        let mut mails = self.mails().clone();
        mails.retain(|mail| mail.destination == destination && mail.purpose == purpose);
        mails
    }

    /// How many messages of that purpose there are, to all whose address is `wanted`.
    pub(crate) fn count(&self, purpose: &str, wanted: impl Fn(&str) -> bool) -> usize {
        let is_wanted = |mail: &&Mail| mail.purpose == purpose && wanted(&mail.destination);
        self.mails().iter().filter(is_wanted).count()
    }

    /// The message of that number that an address is sent for that purpose, as soon as it is there.
    pub(crate) async fn wait(
        &self,
        destination: &str,
        purpose: &str,
        number: usize,
    ) -> anyhow::Result<Mail> {
        let arrival = async {
            loop {
                let arrived = self.0.arrived.notified();
                if let Some(mail) = self.of(destination, purpose).into_iter().nth(number) {
                    return mail;
                }
                arrived.await;
            }
        };
        let arrived = tokio::time::timeout(PATIENCE, arrival).await;
        arrived.with_context(|| format!("no code for {purpose} came to {destination}"))
    }
}

impl<S: Subscriber> Layer<S> for Inbox {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mail = Mail {
            destination: String::new(),
            purpose: String::new(),
            code: String::new(),
            at: Instant::now(),
        };
        let mut reader = Reader(mail);
        event.record(&mut reader);
        self.mails().push(reader.0);
        self.0.arrived.notify_waiters();
    }
}

struct Reader(Mail);

impl Visit for Reader {
    fn record_str(&mut self, field: &Field, value: &str) {
        let place = match field.name() {
            "destination" => &mut self.0.destination,
            "purpose" => &mut self.0.purpose,
            "code" => &mut self.0.code,
            _ => return,
        };
        value.clone_into(place);
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn fmt::Debug) {}
}
