//! A server that publishes keys, in this process.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::pending,
    sync::{Arc, Mutex},
};

use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::certificate::Certificate;

/// What a path answers.
#[derive(Debug, Clone)]
pub struct Answer {
    status: u16,
    header: Option<(&'static str, String)>,
    /// None: it never answers.
    body: Option<Bytes>,
}

impl Answer {
    pub fn bytes(body: impl Into<Bytes>) -> Self {
        Self { status: 200, header: None, body: Some(body.into()) }
    }

    pub fn json(body: &Value) -> Self {
        Self::bytes(body.to_string())
    }

    pub fn status(status: u16) -> Self {
        Self { status, ..Self::bytes("{}") }
    }

    pub fn never() -> Self {
        Self { status: 200, header: None, body: None }
    }

    pub fn with(self, name: &'static str, value: &str) -> Self {
        Self { header: Some((name, value.to_owned())), ..self }
    }
}

#[derive(Debug, Default)]
struct State {
    answers: HashMap<String, Answer>,
    calls: Vec<(String, HeaderMap)>,
}

/// The server, at `https://localhost`. It ends when this is dropped.
pub struct KeyServer {
    pub port: u16,
    pub certificate: Certificate,
    state: Arc<Mutex<State>>,
    _accepting: AbortOnDropHandle<()>,
}

impl KeyServer {
    /// With TLS, by a certificate for `localhost`.
    pub async fn start() -> Self {
        Self::start_with(true).await
    }

    /// Without TLS.
    pub async fn start_plain() -> Self {
        Self::start_with(false).await
    }

    async fn start_with(tls: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let certificate = Certificate::of("localhost");
        let acceptor = tls.then(|| certificate.acceptor.clone());
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, acceptor) = (Arc::clone(&shared), acceptor.clone());
                tokio::spawn(async move {
                    let service = service_fn(|request| answer(Arc::clone(&state), request));
                    let http = http1::Builder::new();
                    // What goes wrong is the client's to notice.
                    let _ended = match acceptor {
                        None => http.serve_connection(TokioIo::new(stream), service).await.ok(),
                        Some(acceptor) => match acceptor.accept(stream).await {
                            Ok(stream) => {
                                http.serve_connection(TokioIo::new(stream), service).await.ok()
                            }
                            Err(_distrusted) => None,
                        },
                    };
                });
            }
        });
        Self { port, certificate, state, _accepting: AbortOnDropHandle::new(accepting) }
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// From now on `path` answers this; paths without an answer answer 404.
    pub fn answer(&self, path: &str, answer: Answer) {
        self.state.lock().unwrap().answers.insert(path.to_owned(), answer);
    }

    /// The paths that were asked for.
    pub fn calls(&self) -> Vec<String> {
        self.state.lock().unwrap().calls.iter().map(|(path, _)| path.clone()).collect()
    }

    /// A header of each call.
    pub fn headers(&self, name: &str) -> Vec<Option<String>> {
        let state = self.state.lock().unwrap();
        let value = |headers: &HeaderMap| Some(headers.get(name)?.to_str().unwrap().to_owned());
        state.calls.iter().map(|(_, headers)| value(headers)).collect()
    }
}

async fn answer(
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().to_string();
    let answer = {
        let mut state = state.lock().unwrap();
        state.calls.push((path.clone(), request.headers().clone()));
        state.answers.get(&path).cloned().unwrap_or_else(|| Answer::status(404))
    };
    let Some(body) = answer.body else { return pending().await };
    let mut response = Response::builder().status(answer.status);
    if let Some((name, value)) = answer.header {
        response = response.header(name, value);
    }
    Ok(response.body(Full::new(body)).unwrap())
}
