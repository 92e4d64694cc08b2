//! Each way in which an RPC can be called, so that one test goes through all of them.

use base64::{Engine as _, prelude::BASE64_STANDARD, prelude::BASE64_STANDARD_NO_PAD};
use hyper::body::Bytes;
use prost::Message as _;
use prost_reflect::DynamicMessage;
use serde_json::Value;
use tonic::{Code, Status};
use tonic_types::{StatusExt as _, pb};
use url::form_urlencoded;

use super::{
    client::{Whole, exchange, framed, request, take_frame},
    contract::{Rule, Unary, rpc},
};
use crate::harness::{Server, violations};

/// A protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Rest,
    ConnectJson,
    ConnectProto,
    GrpcWeb,
    GrpcWebText,
}

pub const WAYS: [Way; 5] =
    [Way::Rest, Way::ConnectJson, Way::ConnectProto, Way::GrpcWeb, Way::GrpcWebText];

/// An error, as all protocols tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub code: Code,
    pub reason: String,
    pub fields: Vec<String>,
}

impl From<&Status> for Verdict {
    fn from(status: &Status) -> Self {
        let info = status.get_details_error_info().unwrap_or_else(|| panic!("{status:?}"));
        Self { code: status.code(), reason: info.reason, fields: violations(status) }
    }
}

impl Way {
    /// Calls an RPC, such as `AuthService/Login`, with a message in JSON.
    pub async fn call(
        self,
        server: &Server,
        name: &str,
        message: &Value,
        headers: &[(&str, &str)],
    ) -> Result<Value, Verdict> {
        let rpc = rpc(name);
        match self {
            Self::Rest => rest(server, &rpc.rules[0], message, headers).await,
            Self::ConnectJson => {
                let body = message.to_string();
                let answer = post(server, &rpc, "application/json", headers, body).await;
                connect(&answer).map(|body| serde_json::from_slice(&body).unwrap())
            }
            Self::ConnectProto => {
                let body = proto(&rpc, message).encode_to_vec();
                let answer = post(server, &rpc, "application/proto", headers, body).await;
                connect(&answer).map(|body| json(&rpc, &body))
            }
            Self::GrpcWeb => {
                let body = framed(0, &proto(&rpc, message).encode_to_vec());
                let media_type = "application/grpc-web+proto";
                let answer = post(server, &rpc, media_type, headers, body).await;
                web(&rpc, &answer, answer.body.clone())
            }
            Self::GrpcWebText => {
                let frame = framed(0, &proto(&rpc, message).encode_to_vec());
                let media_type = "application/grpc-web-text+proto";
                let body = BASE64_STANDARD.encode(frame);
                let answer = post(server, &rpc, media_type, headers, body).await;
                web(&rpc, &answer, decoded(&answer.body))
            }
        }
    }
}

fn proto(rpc: &Unary, message: &Value) -> DynamicMessage {
    DynamicMessage::deserialize(rpc.input.clone(), message).unwrap()
}

fn json(rpc: &Unary, body: &[u8]) -> Value {
    let message = DynamicMessage::decode(rpc.output.clone(), body).unwrap();
    serde_json::to_value(message).unwrap()
}

async fn post(
    server: &Server,
    rpc: &Unary,
    media_type: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Whole {
    // By that gRPC-Web decides whether its answer is text.
    let own = [("content-type", media_type), ("accept", media_type)];
    let headers = [&own, headers].concat();
    let answer = exchange(server.http, request("POST", &rpc.path, &headers, body)).await;
    assert!(!answer.header("x-request-id").is_empty(), "{answer:?}");
    if answer.status == 200 {
        assert_eq!(answer.header("content-type"), media_type, "{answer:?}");
    }
    answer
}

async fn rest(
    server: &Server,
    rule: &Rule,
    message: &Value,
    headers: &[(&str, &str)],
) -> Result<Value, Verdict> {
    let mut message = message.clone();
    let path = filled(rule, &mut message);
    let (body, query) = match rule.body.as_str() {
        "*" => (Some(message), Value::Null),
        "" => (None, message),
        field => (message.as_object_mut().unwrap().remove(field), message),
    };
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    add(&mut pairs, "", &query);
    let path = format!("{path}?{}", pairs.finish());
    let path = path.trim_end_matches('?');
    let json = [("content-type", "application/json")];
    let headers = [if body.is_some() { &json[..] } else { &[] }, headers].concat();
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let answer = exchange(server.http, request(&rule.method, path, &headers, body)).await;
    assert_eq!(answer.header("content-type"), "application/json", "{answer:?}");
    let json: Value = serde_json::from_slice(&answer.body).unwrap();
    if answer.status == 200 { Ok(json) } else { Err(told(&json)) }
}

/// The path, with the fields that are in it taken out of the message.
fn filled(rule: &Rule, message: &mut Value) -> String {
    let mut path = rule.path.clone();
    while let Some((before, rest)) = path.split_once('{') {
        let (field, after) = rest.split_once('}').unwrap();
        let (of, name) = match field.split_once('.') {
            Some((outer, name)) => (&mut message[outer], name),
            None => (&mut *message, field),
        };
        let value = of.as_object_mut().unwrap().remove(name).unwrap();
        path = format!("{before}{}{after}", value.as_str().unwrap());
    }
    path
}

/// Adds what is in there to a query.
fn add(pairs: &mut form_urlencoded::Serializer<'_, String>, at: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (name, value) in members {
                let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                add(pairs, &at, value);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| add(pairs, at, value)),
        Value::String(text) => _ = pairs.append_pair(at, text),
        Value::Bool(_) | Value::Number(_) => _ = pairs.append_pair(at, &value.to_string()),
    }
}

/// An error in JSON.
fn told(json: &Value) -> Verdict {
    let detail = |kind: &str| {
        let details = json["details"].as_array().unwrap();
        let is_it = |detail: &&Value| detail["@type"].as_str().unwrap().ends_with(kind);
        details.iter().find(is_it).cloned().unwrap_or_default()
    };
    let violations =
        detail("BadRequest")["fieldViolations"].as_array().cloned().unwrap_or_default();
    let field = |violation: &Value| violation["field"].as_str().unwrap_or_default().to_owned();
    Verdict {
        code: Code::from(i32::try_from(json["code"].as_i64().unwrap()).unwrap()),
        reason: detail("ErrorInfo")["reason"].as_str().unwrap().to_owned(),
        fields: violations.iter().map(field).collect(),
    }
}

/// The body of a unary answer of Connect.
fn connect(answer: &Whole) -> Result<Bytes, Verdict> {
    if answer.status == 200 {
        return Ok(answer.body.clone());
    }
    // Errors are JSON, whatever the codec.
    assert_eq!(answer.header("content-type"), "application/json", "{answer:?}");
    Err(of_connect(&serde_json::from_slice(&answer.body).unwrap()))
}

/// An error of Connect.
pub fn of_connect(error: &Value) -> Verdict {
    let name = error["code"].as_str().unwrap();
    let is_it = |code: &Code| {
        let words = format!("{code:?}").to_lowercase();
        words == name.replace('_', "").replace("canceled", "cancelled")
    };
    let code = (0..17).map(Code::from).find(is_it).unwrap_or_else(|| panic!("{error}"));
    let details = error["details"].as_array().unwrap().iter().map(|detail| {
        let kind = detail["type"].as_str().unwrap();
        assert!(kind.starts_with("google.rpc."), "{error}");
        let value = BASE64_STANDARD_NO_PAD.decode(detail["value"].as_str().unwrap()).unwrap();
        prost_types::Any { type_url: format!("type.googleapis.com/{kind}"), value }
    });
    let message = error["message"].as_str().unwrap().to_owned();
    let whole =
        pb::Status { code: code.into(), message: message.clone(), details: details.collect() };
    (&Status::with_details(code, message, whole.encode_to_vec().into())).into()
}

/// The answer of gRPC-Web: a message, and trailers in a frame of their own.
fn web(rpc: &Unary, answer: &Whole, mut body: Bytes) -> Result<Value, Verdict> {
    assert_eq!(answer.status, 200, "{answer:?}");
    // An error that comes at once is in the headers.
    if let Some(status) = Status::from_header_map(&answer.headers) {
        return Err(Verdict::from(&status));
    }
    let mut message = None;
    loop {
        match take_frame(&mut body).unwrap_or_else(|| panic!("no trailers: {answer:?}")) {
            (0, found) => message = Some(found),
            (0x80, trailers) => {
                assert!(body.is_empty());
                let status = Status::from_header_map(&trailers_of(&trailers)).unwrap();
                let is_good = status.code() == Code::Ok;
                let verdict = || Verdict::from(&status);
                return is_good.then(|| json(rpc, &message.unwrap())).ok_or_else(verdict);
            }
            (flags, _) => panic!("flags {flags}"),
        }
    }
}

/// The trailers of a frame of gRPC-Web.
pub fn trailers_of(frame: &[u8]) -> http::HeaderMap {
    let lines = str::from_utf8(frame).unwrap().split("\r\n").filter(|line| !line.is_empty());
    let pairs = lines.map(|line| {
        let (name, value) = line.split_once(':').unwrap();
        (name.parse::<http::HeaderName>().unwrap(), value.trim().parse().unwrap())
    });
    pairs.collect()
}

/// The bytes of base64, each chunk of which may have padding of its own.
pub fn decoded(text: &[u8]) -> Bytes {
    let quartets = text.chunks(4).map(|quartet| BASE64_STANDARD.decode(quartet).unwrap());
    quartets.flatten().collect()
}
