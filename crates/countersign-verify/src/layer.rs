//! A tower layer that requires a valid access token.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{HeaderMap, Request, Response, header::AUTHORIZATION};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

#[cfg(doc)]
use crate::Claims;
use crate::{Accept, Verifier, VerifyError, refusal::refusal};

type IsOpen = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// Passes requests whose `authorization: Bearer …` is a valid access token, and puts [`Claims`] into their extensions,
/// where [`Claims::of`] finds them. It wraps a whole tonic server or one of its services.
///
/// It passes users with their own tokens and nobody else, unless [`accept`](Self::accept) or
/// [`accept_on`](Self::accept_on) says so.
///
/// Others are answered with `google.rpc.ErrorInfo` of the domain `countersign.dev`:
///
/// | code | reason | when |
/// |---|---|---|
/// | UNAUTHENTICATED | `TOKEN_INVALID` | there is no token, or not a valid one |
/// | PERMISSION_DENIED | `CALLER_NOT_ACCEPTED` | it is valid, and its caller of another kind: a service where users are accepted |
/// | PERMISSION_DENIED | `INSUFFICIENT_SCOPE` | its scope lacks what is required; metadata `scope` has all that is |
/// | UNAUTHENTICATED | `INSUFFICIENT_USER_AUTHENTICATION` | the login is not as sure or as recent as is required; metadata `acr_values`, `max_age` and a header `www-authenticate` (RFC 9470) say what is |
/// | UNAVAILABLE | `VERIFICATION_UNAVAILABLE` | verification is impossible: clients retry, and log no user out |
#[derive(Clone)]
pub struct VerifyLayer {
    verifier: Verifier,
    is_open: IsOpen,
    accept: Arc<Accept>,
    /// By path.
    methods: Arc<HashMap<String, Arc<Accept>>>,
}

impl VerifyLayer {
    /// Requires a user's own token on every path.
    pub fn new(verifier: Verifier) -> Self {
        Self {
            verifier,
            is_open: Arc::new(|_path| false),
            accept: Arc::default(),
            methods: Arc::default(),
        }
    }

    /// Accepts these callers on every path that [`accept_on`](Self::accept_on) does not name.
    #[must_use]
    pub fn accept(self, accept: Accept) -> Self {
        Self { accept: Arc::new(accept), ..self }
    }

    /// Accepts these callers, and no others, on this path, such as `/orders.v1.OrderService/Cancel`, to the letter.
    #[must_use]
    pub fn accept_on(self, path: impl Into<String>, accept: Accept) -> Self {
        let mut methods = self.methods;
        Arc::make_mut(&mut methods).insert(path.into(), Arc::new(accept));
        Self { methods, ..self }
    }

    /// Requires none on the paths for which `is_open` is true, such as `/grpc.health.v1.Health/Check`. Tokens are ignored
    /// there.
    #[must_use]
    pub fn open(self, is_open: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self { is_open: Arc::new(is_open), ..self }
    }

    /// The callers that count on a path.
    fn accepted(&self, path: &str) -> &Arc<Accept> {
        self.methods.get(path).unwrap_or(&self.accept)
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
        let accept = Arc::clone(self.layer.accepted(request.uri().path()));
        let result = match bearer(request.headers()) {
            Some(jwt) => self.layer.verifier.verify_now(&accept, jwt),
            None => Some(Err(VerifyError::Invalid)),
        };
        let state = match result {
            Some(Ok(claims)) => {
                request.extensions_mut().insert(claims);
                State::Passed { future: self.inner.call(request) }
            }
            Some(Err(error)) => State::Refused { error, accept },
            None => State::Waiting { future: self.after_keys(accept, request) },
        };
        Answer { state }
    }
}

type Boxed<R, E> = Pin<Box<dyn Future<Output = Result<R, E>> + Send>>;

impl<S> Verified<S> {
    /// The rare case of an unknown key: it waits, and allocates.
    fn after_keys<B, R>(
        &mut self,
        accept: Arc<Accept>,
        mut request: Request<B>,
    ) -> Boxed<Response<R>, S::Error>
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
            match verifier.verify_from(&accept, &jwt).await {
                Ok(claims) => {
                    request.extensions_mut().insert(claims);
                    inner.call(request).await
                }
                Err(error) => Ok(refusal(error, &accept)),
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
        Refused { error: VerifyError, accept: Arc<Accept> },
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
            StateProjection::Refused { error, accept } => Ok(refusal(*error, accept)),
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
