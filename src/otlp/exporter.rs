//! The task that sends spans in batches, and sends again what a collector may take later.

use std::{mem, time::Duration};

use rand::RngExt as _;
use tokio::{
    sync::mpsc::Receiver,
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    connector,
    failure::Failure,
    grpc, http,
    messages::{Request, Response},
    request,
};
use crate::{
    config::{Export, Protocol},
    telemetry::Seldom,
    trace::{Figures, Span},
};

/// How long the end of the process waits for the last spans.
const LAST: Duration = Duration::from_millis(1500);

/// The first pause before a batch is sent again; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// At the most one line of the log in that time tells that spans were refused.
const REFUSALS_TOLD: Duration = Duration::from_secs(60);

/// The running task. On drop it ends at once.
#[derive(Debug)]
pub struct Exporter {
    task: AbortOnDropHandle<()>,
    stop: CancellationToken,
}

impl Exporter {
    /// Starts sending the spans that are recorded from now on. It connects when there is something to send.
    ///
    /// # Errors
    /// The TLS library's own.
    pub fn start(
        export: &Export,
        spans: Receiver<Span>,
        figures: Figures,
    ) -> Result<Self, rustls::Error> {
        let connector = connector::of(export)?;
        let collector = match export.protocol {
            Protocol::Grpc => Collector::Grpc(grpc::Collector::new(export, connector)),
            Protocol::HttpProtobuf => Collector::Http(http::Collector::new(export, connector)),
        };
        let stop = CancellationToken::new();
        let (export, is_failing) = (export.clone(), false);
        let (refusals, stopping) = (Seldom::every(REFUSALS_TOLD), stop.clone());
        let batches =
            Batches { collector, export, spans, figures, is_failing, refusals, stop: stopping };
        Ok(Self { task: AbortOnDropHandle::new(tokio::spawn(batches.send_all())), stop })
    }

    /// Sends what is left, and gives up after a second and a half.
    pub async fn finish(self) {
        self.stop.cancel();
        if timeout(LAST, self.task).await.is_err() {
            tracing::warn!("the last spans are not exported: the collector does not take them");
        }
    }
}

enum Collector {
    Grpc(grpc::Collector),
    Http(http::Collector),
}

impl Collector {
    async fn send(&self, request: &Request) -> Result<Response, Failure> {
        match self {
            Self::Grpc(collector) => collector.send(request.clone()).await,
            Self::Http(collector) => collector.send(request).await,
        }
    }
}

struct Batches {
    collector: Collector,
    export: Export,
    spans: Receiver<Span>,
    figures: Figures,
    /// Whether the last batch was lost: that is logged when it begins, and when it ends.
    is_failing: bool,
    /// How often it is logged that spans were refused.
    refusals: Seldom,
    stop: CancellationToken,
}

impl Batches {
    /// Sends batches until it is told to stop and nothing is left.
    async fn send_all(mut self) {
        let mut batch = Vec::new();
        loop {
            let stop = self.stop.clone();
            tokio::select! {
                () = self.fill(&mut batch) => {}
                () = stop.cancelled() => self.fill_at_once(&mut batch),
            }
            if batch.is_empty() {
                return;
            }
            self.export(&mem::take(&mut batch)).await;
        }
    }

    /// Fills a batch, or gives up waiting some time after its first span. Nothing is lost if it is dropped.
    async fn fill(&mut self, batch: &mut Vec<Span>) {
        let most = self.export.batch;
        self.spans.recv_many(batch, most).await;
        let until = Instant::now() + self.export.delay;
        while batch.len() < most {
            let more = self.spans.recv_many(batch, most - batch.len());
            // Elapsed, or no more will come.
            if !timeout_at(until, more).await.is_ok_and(|more| more > 0) {
                return;
            }
        }
    }

    fn fill_at_once(&mut self, batch: &mut Vec<Span>) {
        while batch.len() < self.export.batch
            && let Ok(span) = self.spans.try_recv()
        {
            batch.push(span);
        }
    }

    async fn export(&mut self, batch: &[Span]) {
        let request = request::of(&self.export.resource, batch);
        let result = self.send(&request).await;
        let number = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let lost = match &result {
            Ok(answer) => self.rejected(answer).min(number),
            Err(_) => number,
        };
        self.figures.exported.inc_by(number - lost);
        self.figures.lost.inc_by(lost);
        self.tell(result.err());
    }

    /// Tells when exporting begins to fail, and when it works again: not every batch while a collector is away.
    fn tell(&mut self, failure: Option<Failure>) {
        let failed = failure.is_some();
        match failure {
            Some(Failure { why, .. }) if !self.is_failing => {
                tracing::warn!(why, "spans are not exported, and lost; calls are not affected");
            }
            None if self.is_failing => tracing::info!("spans are exported again"),
            Some(_) | None => {}
        }
        self.is_failing = failed;
    }

    /// The number of spans that the collector refused of a batch. One that refuses some of each is told of once in a while.
    fn rejected(&self, answer: &Response) -> u64 {
        let Some(partial) = &answer.partial_success else { return 0 };
        let (rejected, why) = (partial.rejected_spans, partial.error_message.as_str());
        let is_refused = rejected > 0 || !why.is_empty();
        if is_refused && let Some(unsaid) = self.refusals.passes(std::time::Instant::now()) {
            tracing::warn!(rejected, why, unsaid, "the collector has refused spans");
        }
        u64::try_from(rejected).unwrap_or(0)
    }

    /// Sends a batch, again and again while that may help, but not for ever.
    async fn send(&self, request: &Request) -> Result<Response, Failure> {
        let until = Instant::now() + self.export.export_timeout;
        let mut pause = FIRST_PAUSE;
        loop {
            let limit = until.min(Instant::now() + self.export.timeout);
            let sent = timeout_at(limit, self.collector.send(request)).await;
            let slow = |_elapsed| Err(Failure::passing("the collector does not answer", None));
            let failure = match sent.unwrap_or_else(slow) {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let left = until.saturating_duration_since(Instant::now());
            let wait = failure.again.and_then(|asked| pause_of(asked, pause, left));
            // Who stops does not wait: the others in the queue have their turn.
            let Some(wait) = wait.filter(|_wait| !self.stop.is_cancelled()) else {
                return Err(failure);
            };
            pause *= 2;
            tokio::select! {
                () = sleep(wait) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }
}

/// How long to wait before a batch is sent again, if that is less than what is left: about as long as our own pause, or as the collector
/// asks, where that is longer. A collector that asks for no time does not get all of ours.
fn pause_of(asked: Duration, own: Duration, left: Duration) -> Option<Duration> {
    let wait = asked.max(rand::rng().random_range(own / 2..=own));
    (wait < left).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_has_its_time_and_no_more_than_is_left() {
        let [second, left] = [1, 30].map(Duration::from_secs);
        for asked in [left, Duration::from_secs(u64::MAX), Duration::MAX] {
            assert_eq!(pause_of(asked, second, left), None);
        }
        assert_eq!(pause_of(7 * second, second, left), Some(7 * second));
        for _ in 0..100 {
            let own = pause_of(Duration::ZERO, second, left).unwrap();
            assert!((second / 2..=second).contains(&own), "{own:?}");
        }
        assert_eq!(pause_of(Duration::ZERO, 64 * second, left), None);
    }
}
