//! OTLP over gRPC.

use http::{HeaderMap, Uri, uri::PathAndQuery};
use hyper_util::client::legacy::Client;
use tonic::{
    Code, Request as Call, Status, body::Body, client::Grpc, codec::CompressionEncoding,
    metadata::MetadataMap,
};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt as _;

use super::{
    connector::{Connector, client},
    failure::Failure,
    messages::{Request, Response},
};
use crate::config::Export;

const EXPORT: PathAndQuery =
    PathAndQuery::from_static("/opentelemetry.proto.collector.trace.v1.TraceService/Export");

/// A client of a collector.
#[derive(Clone)]
pub(super) struct Collector {
    client: Client<Connector, Body>,
    origin: Uri,
    headers: HeaderMap,
    gzip: bool,
}

impl Collector {
    pub(super) fn new(export: &Export, connector: Connector) -> Self {
        let client = client(connector, true);
        let (origin, headers) = (export.endpoint.clone(), export.headers.clone());
        Self { client, origin, headers, gzip: export.gzip }
    }

    /// Sends one batch.
    pub(super) async fn send(&self, request: Request) -> Result<Response, Failure> {
        let mut grpc = Grpc::with_origin(self.client.clone(), self.origin.clone());
        if self.gzip {
            grpc = grpc.send_compressed(CompressionEncoding::Gzip);
        }
        grpc.ready().await.map_err(|error| Failure::of(&error))?;
        let mut call = Call::new(request);
        *call.metadata_mut() = MetadataMap::from_headers(self.headers.clone());
        let answer = grpc.unary(call, EXPORT, ProstCodec::<Request, Response>::default()).await;
        answer.map(tonic::Response::into_inner).map_err(|status| judge(&status))
    }
}

/// What a status means, by OTLP's table of those that pass.
fn judge(status: &Status) -> Failure {
    let why = || {
        let source = std::error::Error::source(status);
        source.map_or_else(
            || format!("the collector answered {:?}: {}", status.code(), status.message()),
            |error| Failure::of(error).why,
        )
    };
    let asked = status.get_details_retry_info().and_then(|info| info.retry_delay);
    match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Failure::passing(why(), asked),
        // No connection, or one that broke off.
        Code::Unknown if std::error::Error::source(status).is_some() => {
            Failure::passing(why(), None)
        }
        Code::ResourceExhausted if asked.is_some() => Failure::passing(why(), asked),
        Code::Ok
        | Code::Unknown
        | Code::ResourceExhausted
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Unimplemented
        | Code::Internal
        | Code::Unauthenticated => Failure::lasting(why()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn statuses_pass_as_the_specification_says() {
        let again = |code| judge(&Status::new(code, "x")).again;
        for code in [
            Code::Cancelled,
            Code::DeadlineExceeded,
            Code::Aborted,
            Code::OutOfRange,
            Code::Unavailable,
            Code::DataLoss,
        ] {
            assert_eq!(again(code), Some(Duration::ZERO), "{code:?}");
        }
        for code in [
            Code::ResourceExhausted,
            Code::Unknown,
            Code::InvalidArgument,
            Code::Unimplemented,
            Code::Internal,
            Code::Unauthenticated,
        ] {
            assert_eq!(again(code), None, "{code:?}");
        }
        let asked = Duration::from_secs(3);
        let details = ErrorDetails::with_retry_info(Some(asked));
        let full = Status::with_error_details(Code::ResourceExhausted, "full", details);
        assert_eq!(judge(&full).again, Some(asked));
    }
}
