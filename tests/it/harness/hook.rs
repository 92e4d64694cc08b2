//! A service that webhooks call, in this process.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex},
};

use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use super::eventually;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Call {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Call {
    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Debug, Default)]
struct State {
    answers: VecDeque<u16>,
    retry_after: Option<&'static str>,
    calls: Vec<Call>,
}

/// The service. It ends when this is dropped.
#[derive(Debug)]
pub struct HookServer {
    pub port: u16,
    state: Arc<Mutex<State>>,
    _accepting: AbortOnDropHandle<()>,
}

impl HookServer {
    /// Answers with these codes, and with 204 after them; a redirect leads to itself. 0 takes the call and breaks the connection.
    pub async fn start(answers: &[u16], tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State {
            answers: answers.iter().copied().collect(),
            retry_after: None,
            calls: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, tls) = (Arc::clone(&shared), tls.clone());
                tokio::spawn(async move {
                    let service = service_fn(|request| answer(Arc::clone(&state), request));
                    let http = http1::Builder::new();
                    // What goes wrong is the client's to notice.
                    let _ended = match tls {
                        None => http.serve_connection(TokioIo::new(stream), service).await.ok(),
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => {
                                http.serve_connection(TokioIo::new(stream), service).await.ok()
                            }
                            Err(_distrusted) => None,
                        },
                    };
                });
            }
        });
        Self { port, state, _accepting: AbortOnDropHandle::new(accepting) }
    }

    /// From now on every answer asks for that pause.
    pub fn ask_for_pause(&self, retry_after: &'static str) {
        self.state.lock().unwrap().retry_after = Some(retry_after);
    }

    pub fn calls(&self) -> Vec<Call> {
        self.state.lock().unwrap().calls.clone()
    }

    /// Waits until there were so many calls.
    pub async fn wait_for(&self, number: usize) -> Vec<Call> {
        eventually("calls", async || self.calls().len() >= number).await;
        self.calls()
    }
}

async fn answer(
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> io::Result<Response<Empty<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let mut state = state.lock().unwrap();
    state.calls.push(Call { path: head.uri.path().to_owned(), headers: head.headers, body });
    let code = state.answers.pop_front().unwrap_or(204);
    if code == 0 {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    let mut answer = Response::builder().status(code).header("location", "/elsewhere");
    if let Some(retry_after) = state.retry_after {
        answer = answer.header("retry-after", retry_after);
    }
    Ok(answer.body(Empty::new()).unwrap())
}
