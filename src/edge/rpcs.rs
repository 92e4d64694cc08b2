//! The RPCs of a listener, to be called from within the process: behind the same layers as from outside.

use std::{convert::Infallible, error::Error};

use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Bytes;
use tower::util::BoxCloneSyncService;

/// A body of a request or of an answer.
pub type Payload = UnsyncBoxBody<Bytes, BrokenOff>;

/// Why a body ended too early.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct BrokenOff(Box<dyn Error + Send + Sync>);

impl BrokenOff {
    /// What a transport says of it.
    pub fn by(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}

/// A service of this process, such as all RPCs: a request has its `Context` among its extensions.
pub type Rpcs = BoxCloneSyncService<Request<Payload>, Response<Payload>, Infallible>;
