//! The tower plumbing of all layers, once. A layer's behaviour is its [`Rule`].

use std::{
    convert::Infallible,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower::{Layer, Service};

/// The future answer to a call.
pub(crate) type Answer<B> = Pin<Box<dyn Future<Output = Result<Response<B>, Infallible>> + Send>>;

/// A service behind a rule. Its errors are answers, too.
pub(crate) trait Inner<B>:
    Service<Request<B>, Response = Response<B>, Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + 'static
{
}

impl<S, B> Inner<B> for S where
    S: Service<Request<B>, Response = Response<B>, Error = Infallible, Future: Send + 'static>
        + Clone
        + Send
        + 'static
{
}

/// The behaviour of a layer.
pub(crate) trait Rule<B>: Clone {
    /// Answers the call, by calling `inner`, which is ready for one call, or by itself.
    fn around(&self, request: Request<B>, inner: &mut impl Inner<B>) -> Answer<B>;
}

/// Takes the ready service, for a rule that waits before it calls it, and leaves a clone for the next call.
pub(crate) fn take_ready<S: Clone>(inner: &mut S) -> S {
    let next = inner.clone();
    mem::replace(inner, next)
}

/// A rule as a tower layer.
#[derive(Debug, Clone)]
pub(crate) struct Ruled<R>(pub(crate) R);

impl<R: Clone, S> Layer<S> for Ruled<R> {
    type Service = Around<R, S>;

    fn layer(&self, inner: S) -> Around<R, S> {
        Around { rule: self.0.clone(), inner }
    }
}

/// A service behind a rule.
#[derive(Debug, Clone)]
pub(crate) struct Around<R, S> {
    rule: R,
    inner: S,
}

impl<R: Rule<B>, S: Inner<B>, B> Service<Request<B>> for Around<R, S> {
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Answer<B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Answer<B> {
        self.rule.around(request, &mut self.inner)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, ready};

    use super::*;

    /// Counts how often it was polled ready since it was cloned, and answers with that.
    #[derive(Default)]
    struct Counts(usize);

    impl Clone for Counts {
        fn clone(&self) -> Self {
            Self(0)
        }
    }

    impl Service<Request<usize>> for Counts {
        type Response = Response<usize>;
        type Error = Infallible;
        type Future = Ready<Result<Response<usize>, Infallible>>;

        fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            self.0 += 1;
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _request: Request<usize>) -> Self::Future {
            ready(Ok(Response::new(self.0)))
        }
    }

    /// Calls the service later.
    #[derive(Clone)]
    struct Later;

    impl Rule<usize> for Later {
        fn around(&self, request: Request<usize>, inner: &mut impl Inner<usize>) -> Answer<usize> {
            let mut inner = take_ready(inner);
            Box::pin(async move { inner.call(request).await })
        }
    }

    #[tokio::test]
    async fn a_rule_that_waits_calls_the_service_that_was_ready() {
        let mut service = Ruled(Later).layer(Counts::default());
        for _ in 0..2 {
            std::future::poll_fn(|context| service.poll_ready(context)).await.unwrap();
            let answer = service.call(Request::new(0)).await.unwrap();
            assert_eq!(answer.into_body(), 1);
        }
    }
}
