//! Timeouts of a connection, one for each phase of its life, and their enforcement.
//!
//! Between two requests the caller is a proxy that pools its connection: it may be silent for longer than one that is
//! slow in the middle of a request's head (Slowloris), or does not read its answer.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::Body;
use http_body_util::BodyExt as _;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::watch,
    time::{Instant, sleep_until},
};

use super::limits::Limits;
use crate::listen::Socket;

/// The phase of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The caller is to send the first byte of its first request.
    Begin,
    /// The caller is to send the rest of a request's head.
    Head,
    /// The server is to answer, and the caller to read the answer.
    Answer,
    /// The answer is complete; it is being sent.
    Sending,
    /// The answer is a stream: each part of it is in time, however long all of it takes.
    Streaming,
    /// The caller may send the first byte of another request.
    Idle,
}

/// The timers of one connection. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    limits: Limits,
    began: Instant,
    /// The phase, and when it must be over.
    phase: Arc<watch::Sender<(Phase, Instant)>>,
}

impl Pace {
    /// The timers of a connection that has just been accepted.
    pub(super) fn new(limits: Limits) -> Self {
        let began = Instant::now();
        let phase = watch::Sender::new((Phase::Begin, began + limits.head_deadline));
        Self { limits, began, phase: Arc::new(phase) }
    }

    /// A request's head is complete.
    pub(super) fn asked(&self) {
        use Phase::{Answer, Begin, Head, Idle, Sending};
        self.enter(&[Begin, Head, Sending, Idle], Answer);
    }

    /// The answer is complete, or begins to be streamed. Returns whether the connection should end with it, being old
    /// enough.
    pub(super) fn answered(&self, is_stream: bool) -> bool {
        self.enter(&[Phase::Answer], if is_stream { Phase::Streaming } else { Phase::Sending });
        self.began.elapsed() >= self.limits.max_age
    }

    /// The body of an answer, whose end is that of its phase.
    pub(super) fn until_its_end(&self, stream: Body) -> Body {
        // hyper drops a body that has ended.
        let ended = Ended(self.clone());
        Body::new(stream.map_frame(move |frame| {
            let _ends_with_it = &ended;
            frame
        }))
    }

    /// Returns when a phase has timed out, or the connection has lasted too long.
    pub(super) async fn too_slow(&self) {
        let mut changes = self.phase.subscribe();
        let end = self.began + self.limits.longest();
        loop {
            let (_, until) = *changes.borrow_and_update();
            tokio::select! {
                () = sleep_until(until.min(end)) => return,
                // Never an error: `self` holds a sender.
                _changed = changes.changed() => {}
            }
        }
    }

    /// Moves to `next` from one of the phases `from`, and from no other.
    fn enter(&self, from: &[Phase], next: Phase) {
        self.phase.send_if_modified(|phase| {
            let goes_on = from.contains(&phase.0);
            if goes_on {
                *phase = (next, Instant::now() + self.allowed(next));
            }
            goes_on
        });
    }

    fn allowed(&self, phase: Phase) -> Duration {
        match phase {
            Phase::Begin | Phase::Head => self.limits.head_deadline,
            // Whoever waits too long gets an answer that says so (`front.rs`): that is in time, too.
            Phase::Answer => self.limits.answer_deadline + Duration::from_secs(1),
            Phase::Sending => self.limits.answer_deadline,
            Phase::Streaming | Phase::Idle => self.limits.keep_alive,
        }
    }
}

/// The end of a stream, which is still being sent.
#[derive(Debug)]
struct Ended(Pace);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.enter(&[Phase::Streaming], Phase::Sending);
    }
}

/// A socket that reports reads and writes to the timers.
#[derive(Debug)]
pub(super) struct Paced {
    pub(super) socket: Socket,
    pub(super) pace: Pace,
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.pace.enter(&[Phase::Begin, Phase::Idle], Phase::Head);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Paced {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.socket).poll_write(context, bytes))?;
        self.pace.enter(&[Phase::Streaming], Phase::Streaming);
        Poll::Ready(Ok(written))
    }

    /// hyper flushes when everything is written: the answer, once it is complete.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.socket).poll_flush(context))?;
        self.pace.enter(&[Phase::Sending], Phase::Idle);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.socket).poll_write_vectored(context, bytes))?;
        self.pace.enter(&[Phase::Streaming], Phase::Streaming);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_phase_has_its_time_and_begins_with_the_one_before() {
        let limits = Limits::default();
        let pace = Pace::new(limits);
        let left = |pace: &Pace| {
            let (phase, until) = *pace.phase.borrow();
            (phase, until - Instant::now())
        };
        assert_eq!(left(&pace), (Phase::Begin, limits.head_deadline));
        pace.enter(&[Phase::Begin, Phase::Idle], Phase::Head);
        tokio::time::advance(Duration::from_secs(3)).await;
        // More of the head does not extend its deadline.
        pace.enter(&[Phase::Begin, Phase::Idle], Phase::Head);
        assert_eq!(left(&pace), (Phase::Head, limits.head_deadline - Duration::from_secs(3)));
        pace.asked();
        // Earlier writes are not the answer.
        pace.enter(&[Phase::Sending], Phase::Idle);
        assert_eq!(left(&pace), (Phase::Answer, limits.answer_deadline + Duration::from_secs(1)));
        assert!(!pace.answered(false));
        pace.enter(&[Phase::Sending], Phase::Idle);
        assert_eq!(left(&pace), (Phase::Idle, Duration::from_secs(75)));
        tokio::time::advance(limits.max_age).await;
        pace.asked();
        assert!(pace.answered(false), "it has lasted long enough");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_goes_on_for_as_long_as_parts_of_it_are_written() {
        let limits = Limits::default();
        let pace = Pace::new(limits);
        pace.asked();
        pace.answered(true);
        let begun = Instant::now();
        let writes = async {
            for _ in 0..4 {
                tokio::time::sleep(limits.keep_alive - Duration::from_secs(1)).await;
                pace.enter(&[Phase::Streaming], Phase::Streaming);
            }
        };
        tokio::join!(pace.too_slow(), writes);
        let written_for = 4 * (limits.keep_alive - Duration::from_secs(1));
        assert_eq!(begun.elapsed(), written_for + limits.keep_alive);
    }

    /// As with gRPC: a caller that takes a little of it now and then would hold its place for ever.
    #[tokio::test(start_paused = true)]
    async fn no_stream_goes_on_for_longer_than_a_connection_lasts() {
        let limits = Limits::default();
        let (pace, begun) = (Pace::new(limits), Instant::now());
        pace.asked();
        pace.answered(true);
        let writes = async {
            while begun.elapsed() < 2 * limits.longest() {
                tokio::time::sleep(Duration::from_secs(60)).await;
                pace.enter(&[Phase::Streaming], Phase::Streaming);
            }
        };
        tokio::select! {
            () = pace.too_slow() => {}
            () = writes => {}
        }
        assert_eq!(begun.elapsed(), limits.longest());
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_stream_the_head_of_the_next_request_has_its_own_time() {
        let limits = Limits::default();
        let pace = Pace::new(limits);
        pace.asked();
        pace.answered(true);
        let body = pace.until_its_end(Body::from("part"));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "part");
        assert_eq!(pace.phase.borrow().0, Phase::Sending);
        pace.enter(&[Phase::Sending], Phase::Idle);
        pace.enter(&[Phase::Begin, Phase::Idle], Phase::Head);
        let begun = Instant::now();
        pace.too_slow().await;
        assert_eq!(begun.elapsed(), limits.head_deadline);
    }

    #[tokio::test(start_paused = true)]
    async fn the_watch_ends_when_a_phase_does_also_one_that_ends_sooner_than_the_one_before() {
        let limits = Limits::default();
        let (pace, begun) = (Pace::new(limits), Instant::now());
        pace.too_slow().await;
        assert_eq!(begun.elapsed(), limits.head_deadline);
        let pace = Pace::new(limits);
        pace.asked();
        pace.answered(false);
        pace.enter(&[Phase::Sending], Phase::Idle);
        let begun = Instant::now();
        let begins_late = async {
            tokio::time::sleep(Duration::from_secs(70)).await;
            pace.enter(&[Phase::Begin, Phase::Idle], Phase::Head);
        };
        tokio::join!(pace.too_slow(), begins_late);
        assert_eq!(begun.elapsed(), Duration::from_secs(70) + limits.head_deadline);
    }
}
