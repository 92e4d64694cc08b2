//! Rules for every RPC, before any handler: a deadline, and accurate codes.
//!
//! tonic answers CANCELLED when a deadline passes, OUT_OF_RANGE to a message that is too large and INTERNAL to a
//! malformed one. Callers branch on codes: here the first becomes DEADLINE_EXCEEDED, the others INVALID_ARGUMENT
//! (`faults.rs`).

use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tonic::{
    Code, Status,
    body::Body,
    codegen::http::{HeaderMap, HeaderValue, Request, Response},
};

use super::{
    deadline_body::DeadlineBody,
    faults,
    request_body::watched,
    status::{PUSHBACK, cancelled, deadline_exceeded},
};
use crate::{
    domain::Context,
    edge::{Answer, Deadline, Deadlines, Inner, Rule, Upload},
};

/// Applies the deadlines and size limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) deadlines: Deadlines,
    /// The largest message of a request, in bytes.
    pub(super) max_request: usize,
    /// The largest head of a request, in bytes as HTTP/2 counts them.
    pub(super) max_head: usize,
}

impl Rule<Body> for Bounds {
    fn around(&self, request: Request<Body>, inner: &mut impl Inner<Body>) -> Answer<Body> {
        let upload = Upload::default();
        self.around_watched(watched(request, upload.clone()), upload, inner)
    }
}

impl Bounds {
    /// Answers a call whose body is watched already.
    pub(super) fn around_watched(
        &self,
        mut request: Request<Body>,
        upload: Upload,
        inner: &mut impl Inner<Body>,
    ) -> Answer<Body> {
        let Self { deadlines, max_request, max_head } = *self;
        if let Some(refused) = faults::in_head(&request, max_head) {
            return Box::pin(std::future::ready(Ok(refused)));
        }
        let now = Instant::now();
        let Deadline { answer, end } = deadlines.of(asked(request.headers()), now);
        if let Some(context) = request.extensions_mut().get_mut::<Context>() {
            context.deadline = now + answer;
        }
        // No async block: it would hold the inner future twice, captured and awaited, in each of the thousands of
        // logins that wait for their hash.
        let response = tokio::time::timeout(answer, inner.call(request));
        Box::pin(response.map(move |response| match response {
            Ok(response) => response.map(|response| honest(response, max_request, &upload, end)),
            Err(_elapsed) => Ok(deadline_exceeded().into_http()),
        }))
    }
}

/// Disables retries that would come after the caller's deadline. A client with a retry policy would otherwise wait
/// until then and report DEADLINE_EXCEEDED: the reason of the refusal, and its end, would be lost (gRFC A6: a pushback
/// below 0 means "do not retry"). RetryInfo, which is for callers' own code, stays as it is.
fn no_vain_retry(response: &mut Response<Body>, end: Instant) {
    let left = end.saturating_duration_since(Instant::now()).as_millis();
    let Some(pushback) = response.headers_mut().get_mut(PUSHBACK) else { return };
    let wait = pushback.to_str().ok().and_then(|millis| millis.parse::<u128>().ok());
    if wait.is_some_and(|wait| wait >= left) {
        *pushback = HeaderValue::from_static("-1");
    }
}

/// The response with an accurate code, whose stream ends at `end`.
fn honest(
    mut response: Response<Body>,
    max_request: usize,
    upload: &Upload,
    end: Option<Instant>,
) -> Response<Body> {
    let said = Status::from_header_map(response.headers());
    // All errors of ours have details.
    if let Some(said) = said.filter(|said| said.code() != Code::Ok && said.details().is_empty()) {
        if upload.broke_off() {
            return cancelled().into_http();
        }
        if let Some(meant) = faults::in_message(&said, max_request) {
            return meant.into_http();
        }
    }
    let Some(end) = end else { return response };
    no_vain_retry(&mut response, end);
    response.map(|body| Body::new(DeadlineBody::new(body, end.into())))
}

/// The caller's `grpc-timeout`: up to eight digits and a unit (the gRPC specification over HTTP/2).
fn asked(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let well_formed = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let number: u64 = well_formed.then(|| digits.parse().ok())??;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        pin::Pin,
        task::{Context, Poll},
    };

    use tower::{Layer as _, Service};

    use super::*;
    use crate::edge::Ruled;

    fn of(text: &'static str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", text.parse().ok()?);
        asked(&headers)
    }

    /// Never answers, like a handler behind a hanging database.
    #[derive(Clone)]
    struct Hangs;

    impl Service<Request<Body>> for Hangs {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = std::future::Pending<Result<Response<Body>, Infallible>>;

        fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _request: Request<Body>) -> Self::Future {
            std::future::pending()
        }
    }

    /// Answers with a pushback of so many milliseconds.
    #[derive(Clone)]
    struct Later(&'static str);

    impl Service<Request<Body>> for Later {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

        fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _request: Request<Body>) -> Self::Future {
            let mut response = deadline_exceeded().into_http();
            response.headers_mut().insert(PUSHBACK, HeaderValue::from_static(self.0));
            std::future::ready(Ok(response))
        }
    }

    /// A call with a large future, like a login's.
    struct Waits([u8; 4096]);

    impl Future for Waits {
        type Output = Result<Response<Body>, Infallible>;

        fn poll(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Self::Output> {
            assert_eq!(self.0.len(), 4096);
            Poll::Pending
        }
    }

    #[derive(Clone)]
    struct Holds;

    impl Service<Request<Body>> for Holds {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Waits;

        fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _request: Request<Body>) -> Waits {
            Waits([0; 4096])
        }
    }

    #[tokio::test]
    async fn a_call_that_waits_has_its_room_once() {
        let call = rules().layer(Holds).call(request(None));
        let bytes = size_of_val(&*call);
        assert!((4096..4096 + 512).contains(&bytes), "{bytes}");
    }

    fn rules() -> Ruled<Bounds> {
        Ruled(Bounds {
            deadlines: Deadlines { max: Duration::from_secs(30) },
            max_request: 1,
            max_head: 1024,
        })
    }

    fn request(grpc_timeout: Option<&str>) -> Request<Body> {
        let mut request = Request::post("/").body(Body::default()).unwrap();
        request.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
        if let Some(text) = grpc_timeout {
            request.headers_mut().insert("grpc-timeout", text.parse().unwrap());
        }
        request
    }

    #[tokio::test]
    async fn a_retry_that_would_come_after_the_deadline_is_not_asked_for() {
        for (asked, wait, told) in [
            (Some("60S"), "1000", "1000"),
            (Some("60S"), "59000", "59000"),
            (Some("60S"), "60000", "-1"),
            (Some("60S"), "2147483647", "-1"),
            (Some("5n"), "1", "-1"),
            // The server's own deadline is no reason to stop the caller's retries.
            (Some("1H"), "1800000", "1800000"),
            (None, "60000", "60000"),
            (Some("nonsense"), "60000", "60000"),
        ] {
            let response = rules().layer(Later(wait)).call(request(asked)).await.unwrap();
            assert_eq!(response.headers()[PUSHBACK], told, "{asked:?}, {wait}");
        }
    }

    async fn time_until_answer(grpc_timeout: Option<&str>) -> (Duration, Option<Code>) {
        let begun = tokio::time::Instant::now();
        let response = rules().layer(Hangs).call(request(grpc_timeout)).await.unwrap();
        let status = Status::from_header_map(response.headers());
        (begun.elapsed(), status.map(|status| status.code()))
    }

    #[tokio::test(start_paused = true)]
    async fn the_callers_deadline_or_ours_ends_a_call_just_before_tonic_would() {
        for (asked, expected) in
            [(Some("250m"), 248), (Some("1H"), 29_998), (None, 30_000), (Some("nonsense"), 30_000)]
        {
            let (elapsed, code) = time_until_answer(asked).await;
            assert_eq!(code, Some(Code::DeadlineExceeded));
            let expected = Duration::from_millis(expected);
            assert!(
                elapsed.abs_diff(expected) <= Duration::from_millis(1),
                "{asked:?}: {elapsed:?}"
            );
        }
    }

    #[test]
    fn each_unit_is_read() {
        assert_eq!(of("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(of("3M"), Some(Duration::from_secs(180)));
        assert_eq!(of("5S"), Some(Duration::from_secs(5)));
        assert_eq!(of("7m"), Some(Duration::from_millis(7)));
        assert_eq!(of("8u"), Some(Duration::from_micros(8)));
        assert_eq!(of("99999999n"), Some(Duration::from_nanos(99_999_999)));
    }

    #[test]
    fn what_is_malformed_counts_as_none() {
        for text in ["", "S", "5", "5s", "-5S", "+5S", "123456789S", "5é"] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
