//! A tower layer that requires a valid access token.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{HeaderMap, Request, Response, header::AUTHORIZATION};
use pin_project_lite::pin_project;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use tower::{Layer, Service};

#[cfg(doc)]
use crate::Claims;
use crate::{Verifier, VerifyError};

type IsOpen = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// Passes requests whose `authorization: Bearer …` is a valid access token, and puts [`Claims`] into their extensions,
/// where [`Claims::of`] finds them. It wraps a whole tonic server or one of its services.
///
/// Others are answered UNAUTHENTICATED, with `google.rpc.ErrorInfo` `{reason: "TOKEN_INVALID", domain: "auth.v1"}`; while
/// verification is impossible, UNAVAILABLE with the reason `VERIFICATION_UNAVAILABLE`, so that clients retry and log no
/// user out.
#[derive(Clone)]
pub struct VerifyLayer {
    verifier: Verifier,
    is_open: IsOpen,
}

impl VerifyLayer {
    /// Requires a token on every path.
    pub fn new(verifier: Verifier) -> Self {
        Self { verifier, is_open: Arc::new(|_path| false) }
    }

    /// Requires none on the paths for which `is_open` is true, such as `/grpc.health.v1.Health/Check`. Tokens are ignored
    /// there.
    #[must_use]
    pub fn open(self, is_open: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self { is_open: Arc::new(is_open), ..self }
    }
}

impl fmt::Debug for VerifyLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyLayer").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for VerifyLayer {
    type Service = Verified<S>;

    fn layer(&self, inner: S) -> Verified<S> {
        Verified { inner, layer: self.clone() }
    }
}

/// A service behind a [`VerifyLayer`].
#[derive(Debug, Clone)]
pub struct Verified<S> {
    inner: S,
    layer: VerifyLayer,
}

impl<S: tonic::server::NamedService> tonic::server::NamedService for Verified<S> {
    const NAME: &'static str = S::NAME;
}

impl<S, B, R> Service<Request<B>> for Verified<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Send + 'static,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Answer<S::Future, Response<R>, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if (self.layer.is_open)(request.uri().path()) {
            return Answer { state: State::Passed { future: self.inner.call(request) } };
        }
        let result = match bearer(request.headers()) {
            Some(jwt) => self.layer.verifier.verify_now(jwt),
            None => Some(Err(VerifyError::Invalid)),
        };
        let state = match result {
            Some(Ok(claims)) => {
                request.extensions_mut().insert(claims);
                State::Passed { future: self.inner.call(request) }
            }
            Some(Err(error)) => State::Refused { error },
            None => State::Waiting { future: self.after_keys(request) },
        };
        Answer { state }
    }
}

type Boxed<R, E> = Pin<Box<dyn Future<Output = Result<R, E>> + Send>>;

impl<S> Verified<S> {
    /// The rare case of an unknown key: it waits, and allocates.
    fn after_keys<B, R>(&mut self, mut request: Request<B>) -> Boxed<Response<R>, S::Error>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Send + 'static,
        R: Default,
    {
        // The ready service goes along; its clone waits for the next call.
        let next = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, next);
        let verifier = self.layer.verifier.clone();
        let jwt = bearer(request.headers()).map(str::to_owned).unwrap_or_default();
        Box::pin(async move {
            match verifier.verify(&jwt).await {
                Ok(claims) => {
                    request.extensions_mut().insert(claims);
                    inner.call(request).await
                }
                Err(error) => Ok(refusal(error)),
            }
        })
    }
}

pin_project! {
    /// The future of [`Verified`].
    pub struct Answer<F, R, E> {
        #[pin]
        state: State<F, R, E>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, R, E> {
        Passed { #[pin] future: F },
        Waiting { future: Boxed<R, E> },
        Refused { error: VerifyError },
    }
}

impl<F, R, E> fmt::Debug for Answer<F, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer(..)")
    }
}

impl<F, R, E> Future for Answer<F, Response<R>, E>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Default,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project().state.project() {
            StateProjection::Passed { future } => ready!(future.poll(context)),
            StateProjection::Waiting { future } => ready!(future.as_mut().poll(context)),
            StateProjection::Refused { error } => Ok(refusal(*error)),
        })
    }
}

/// The token of the only `authorization` header. With two, this service and one behind it might each read another one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else { return None };
    let blank = [' ', '\t'];
    let (scheme, jwt) = value.to_str().ok()?.trim_matches(blank).split_once(blank)?;
    // RFC 9110, section 11: schemes are case-insensitive, and one or more spaces follow.
    scheme.eq_ignore_ascii_case("Bearer").then_some(jwt.trim_start_matches(blank))
}

fn refusal<R: Default>(error: VerifyError) -> Response<R> {
    let (code, reason, text) = match error {
        VerifyError::Invalid => {
            (Code::Unauthenticated, "TOKEN_INVALID", "the access token is missing or not valid")
        }
        VerifyError::Unavailable => (
            Code::Unavailable,
            "VERIFICATION_UNAVAILABLE",
            "access tokens can't be verified for a moment: try again",
        ),
    };
    let details = ErrorDetails::with_error_info(reason, "auth.v1", []);
    Status::with_error_details(code, text, details).into_http()
}
