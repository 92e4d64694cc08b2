//! Exports spans by OTLP, over gRPC or HTTP. It knows nothing of calls, and calls never wait for it: what is not sent in
//! time is lost, and counted.

mod connector;
mod exporter;
mod failure;
mod grpc;
mod http;
mod messages;
mod request;

pub use self::exporter::Exporter;
