//! A server for the Connect conformance suite: its service behind our gateway, with our deadlines and codes for callers' mistakes.
//!
//! The suite starts it once for each configuration, and says on standard input what to serve (`server_compat.proto`). It is told
//! on standard output where. `scripts/check-conformance` runs it. The argument is the descriptor set of the suite's service.
//!
//! In front of the gateway there is less than in the server: the table of access knows no RPCs of others, and the suite counts
//! the details of errors, to which the server adds the id of the request.

mod conversation;
mod messages;
mod service;

use std::{
    io::{self, Read as _, Write as _},
    net::Ipv4Addr,
};

use anyhow::Context as _;
use countersign::{
    edge::{BrokenOff, Payload, Rpcs},
    gateway::Gateway,
    grpc::{Limits, Routes, of_others},
};
use http::{HeaderMap, HeaderName, Request, Response, Version, header::CONTENT_TYPE};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use prost::Message as _;
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
};
use tower::ServiceExt as _;

use self::{
    messages::{ServerCompatRequest, ServerCompatResponse},
    service::Conformance,
};

/// The header that RPCs of the suite read: they must tell what of it has arrived.
static METADATA: [HeaderName; 1] = [HeaderName::from_static("x-conformance-test")];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let path = std::env::args().nth(1).context("the descriptor set is the argument")?;
    let descriptors = std::fs::read(&path).context(path)?;
    let asked = asked()?;
    let site = Site::new(&descriptors, asked.message_receive_limit)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    tell(listener.local_addr()?.port())?;
    let mut ended = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            _ = ended.recv() => return Ok(()),
            accepted = listener.accept() => drop(tokio::spawn(serve(accepted?.0, site.clone()))),
        }
    }
}

/// What the suite asks for.
fn asked() -> anyhow::Result<ServerCompatRequest> {
    let (mut input, mut length) = (io::stdin().lock(), [0; 4]);
    input.read_exact(&mut length)?;
    let mut message = vec![0; usize::try_from(u32::from_be_bytes(length))?];
    input.read_exact(&mut message)?;
    Ok(ServerCompatRequest::decode(&message[..])?)
}

/// Tells the suite where to call.
fn tell(port: u16) -> anyhow::Result<()> {
    let message = ServerCompatResponse { host: "127.0.0.1".to_owned(), port: port.into() };
    let message = message.encode_to_vec();
    let mut output = io::stdout().lock();
    output.write_all(&u32::try_from(message.len())?.to_be_bytes())?;
    output.write_all(&message)?;
    Ok(output.flush()?)
}

/// The service by gRPC, and by the gateway.
#[derive(Clone)]
struct Site {
    rpcs: Rpcs,
    gateway: Gateway,
}

impl Site {
    fn new(descriptors: &[u8], max_request: u32) -> anyhow::Result<Self> {
        let mut limits = Limits::default();
        if max_request > 0 {
            limits.max_request = usize::try_from(max_request)?;
        }
        let rpcs = of_others(Routes::new(Conformance::new(limits.max_request)), limits);
        let gateway = Gateway::of(descriptors, rpcs.clone(), &METADATA, limits.max_request);
        let gateway = gateway.map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(Self { rpcs, gateway })
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Payload>, BrokenOff> {
        let is_grpc = request.version() == Version::HTTP_2 && is_grpc(request.headers());
        let request = request.map(|body| body.map_err(BrokenOff::by).boxed_unsync());
        if is_grpc {
            return self.rpcs.oneshot(request).await.map_err(BrokenOff::by);
        }
        Ok(self.gateway.answer(request).await)
    }
}

/// gRPC, and not gRPC-Web.
fn is_grpc(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let format = media_type.strip_prefix(b"application/grpc");
    format.is_some_and(|format| !format.starts_with(b"-web"))
}

async fn serve(socket: TcpStream, site: Site) -> Result<(), io::Error> {
    let service = service_fn(|request| site.clone().answer(request));
    let builder = Builder::new(TokioExecutor::new());
    builder.serve_connection(TokioIo::new(socket), service).await.map_err(io::Error::other)
}
