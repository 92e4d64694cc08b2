//! A call of the suite: what is answered, and when.

use std::{collections::VecDeque, mem, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use prost::Message as _;
use prost_types::Any;
use tokio::sync::mpsc;
use tonic::{Code, Status, metadata::MetadataMap};
use tonic_types::pb;

use crate::messages::{
    Answer, BidiStreamRequest, Error, Header, Payload, RequestInfo, ServerStreamRequest,
    StreamResponseDefinition, UnaryRequest,
};

pub(crate) const PACKAGE: &str = "type.googleapis.com/connectrpc.conformance.v1.";

/// What a call is to answer.
#[derive(Debug, Default)]
pub(crate) struct Definition {
    headers: Vec<Header>,
    data: VecDeque<Vec<u8>>,
    error: Option<Error>,
    trailers: Vec<Header>,
    delay: Duration,
    /// Each answer waits for a request.
    pub(crate) full_duplex: bool,
}

impl From<UnaryRequest> for Definition {
    fn from(request: UnaryRequest) -> Self {
        let of = request.response_definition.unwrap_or_default();
        Self {
            headers: of.response_headers,
            data: of.error.is_none().then_some(of.response_data).into_iter().collect(),
            error: of.error,
            trailers: of.response_trailers,
            delay: Duration::from_millis(of.response_delay_ms.into()),
            full_duplex: false,
        }
    }
}

impl From<StreamResponseDefinition> for Definition {
    fn from(of: StreamResponseDefinition) -> Self {
        Self {
            headers: of.response_headers,
            data: of.response_data.into(),
            error: of.error,
            trailers: of.response_trailers,
            delay: Duration::from_millis(of.response_delay_ms.into()),
            full_duplex: false,
        }
    }
}

impl From<ServerStreamRequest> for Definition {
    fn from(request: ServerStreamRequest) -> Self {
        request.response_definition.unwrap_or_default().into()
    }
}

impl From<BidiStreamRequest> for Definition {
    fn from(request: BidiStreamRequest) -> Self {
        let definition = request.response_definition.unwrap_or_default().into();
        Self { full_duplex: request.full_duplex, ..definition }
    }
}

impl Definition {
    /// The metadata before the answers.
    pub(crate) fn leading(&self) -> MetadataMap {
        metadata(&self.headers)
    }
}

/// A call, and where its answers go.
pub(crate) struct Conversation {
    definition: Definition,
    /// What has arrived. Told once, with the first answer or the error.
    arrived: Option<RequestInfo>,
    /// Requests that no answer has told.
    requests: Vec<Any>,
    answers: mpsc::Sender<Result<Answer, Status>>,
}

impl Conversation {
    pub(crate) fn new(
        definition: Definition,
        head: &MetadataMap,
        answers: mpsc::Sender<Result<Answer, Status>>,
    ) -> Self {
        Self { definition, arrived: Some(arrived(head)), requests: Vec::new(), answers }
    }

    /// Takes a request.
    pub(crate) fn hear(&mut self, request: Any) {
        self.requests.push(request);
    }

    /// Whether there is more to answer.
    pub(crate) fn has_more(&self) -> bool {
        !self.definition.data.is_empty()
    }

    /// Sends the next answer.
    pub(crate) async fn say(&mut self) {
        let data = self.definition.data.pop_front().unwrap_or_default();
        let request_info = self.info();
        tokio::time::sleep(self.definition.delay).await;
        self.send(Ok(Answer { payload: Some(Payload { data, request_info }) })).await;
    }

    /// Sends the other answers, and how it ends.
    pub(crate) async fn end(mut self) {
        if !self.has_more() {
            tokio::time::sleep(self.definition.delay).await;
        }
        while self.has_more() {
            self.say().await;
        }
        let trailing = metadata(&self.definition.trailers);
        let ended = match self.definition.error.take() {
            None => Status::with_metadata(Code::Ok, "", trailing),
            Some(mut error) => {
                let info = self.arrived.is_some().then(|| self.info()).flatten();
                error.details.extend(info.map(|info| any("ConformancePayload.RequestInfo", &info)));
                status(error, trailing)
            }
        };
        self.send(Err(ended)).await;
    }

    /// Sends what went wrong.
    pub(crate) async fn fail(self, status: Status) {
        self.send(Err(status)).await;
    }

    /// What has arrived since it was told last.
    fn info(&mut self) -> Option<RequestInfo> {
        let requests = mem::take(&mut self.requests);
        match self.arrived.take() {
            Some(arrived) => Some(RequestInfo { requests, ..arrived }),
            None if requests.is_empty() => None,
            None => Some(RequestInfo { requests, ..RequestInfo::default() }),
        }
    }

    async fn send(&self, answer: Result<Answer, Status>) {
        // A caller that is gone has none.
        self.answers.send(answer).await.ok();
    }
}

pub(crate) fn any(name: &str, message: &impl prost::Message) -> Any {
    Any { type_url: format!("{PACKAGE}{name}"), value: message.encode_to_vec() }
}

fn status(error: Error, trailing: MetadataMap) -> Status {
    let message = error.message.unwrap_or_default();
    let whole = pb::Status { code: error.code, message: message.clone(), details: error.details };
    let (code, details) = (Code::from(error.code), whole.encode_to_vec());
    Status::with_details_and_metadata(code, message, details.into(), trailing)
}

fn metadata(headers: &[Header]) -> MetadataMap {
    let mut map = HeaderMap::new();
    for Header { name, value } in headers {
        for value in value {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                map.append(name, value);
            }
        }
    }
    MetadataMap::from_headers(map)
}

fn arrived(head: &MetadataMap) -> RequestInfo {
    let headers = head.clone().into_headers();
    let values = |name: &HeaderName| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.map(str::to_owned).collect()
    };
    let header = |name: &HeaderName| Header { name: name.to_string(), value: values(name) };
    let timeout = head.get("grpc-timeout").and_then(|timeout| timeout.to_str().ok());
    RequestInfo {
        request_headers: headers.keys().map(header).collect(),
        timeout_ms: timeout.and_then(millis),
        requests: Vec::new(),
    }
}

/// Of gRPC's timeout: digits and a unit.
fn millis(timeout: &str) -> Option<i64> {
    let (digits, unit) = timeout.split_at_checked(timeout.len().checked_sub(1)?)?;
    let number: i64 = digits.parse().ok()?;
    match unit {
        "H" => Some(number * 3_600_000),
        "M" => Some(number * 60_000),
        "S" => Some(number * 1_000),
        "m" => Some(number),
        "u" => Some(number / 1_000),
        "n" => Some(number / 1_000_000),
        _ => None,
    }
}
