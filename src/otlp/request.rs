//! What is sent: the spans of a batch, beside what all of them have in common.

use std::time::{SystemTime, UNIX_EPOCH};

use super::messages::{
    AnyValue, KeyValue, Request, Resource, ResourceSpans, Scope, ScopeSpans, Span, SpanKind,
    Status, StatusCode, Value,
};
use crate::trace;

/// The version of the semantic conventions that names and attributes follow.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.40.0";

/// Bits of a span's flags: whether the parent is another process's, and whether that is known.
const IS_REMOTE: u32 = 0x200;
const KNOWS_IS_REMOTE: u32 = 0x100;

/// A batch.
pub(super) fn of(resource: &[(String, String)], spans: &[trace::Span]) -> Request {
    let attributes = resource.iter().map(|(key, value)| text(key, value.clone())).collect();
    let scope =
        Scope { name: "countersign".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let scope_spans = ScopeSpans { scope: Some(scope), spans: spans.iter().map(span).collect() };
    Request {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes }),
            scope_spans: vec![scope_spans],
            schema_url: SCHEMA.to_owned(),
        }],
    }
}

fn span(span: &trace::Span) -> Span {
    let trace::Span { context, parent, parent_is_remote, name, attributes, .. } = span;
    let kind = match span.kind {
        trace::Kind::Internal => SpanKind::Internal,
        trace::Kind::Server => SpanKind::Server,
        trace::Kind::Client => SpanKind::Client,
    };
    let remote = if *parent_is_remote { IS_REMOTE } else { 0 };
    let attribute = |(key, value): &(&'static str, trace::Value)| match value {
        trace::Value::Text(value) => text(key, value.to_string()),
        trace::Value::Number(number) => of_value(key, Value::Number(*number)),
    };
    Span {
        trace_id: context.trace_id.bytes().to_vec(),
        span_id: context.span_id.bytes().to_vec(),
        trace_state: context.state.as_deref().unwrap_or_default().to_owned(),
        parent_span_id: parent.map(|parent| parent.bytes().to_vec()).unwrap_or_default(),
        name: name.to_string(),
        kind: kind.into(),
        start_time_unix_nano: nanos(span.began),
        end_time_unix_nano: nanos(span.ended),
        attributes: attributes.iter().map(attribute).collect(),
        status: span.failed.then(|| Status { code: StatusCode::Error.into() }),
        flags: KNOWS_IS_REMOTE | remote | u32::from(context.sampled),
    }
}

fn text(key: &str, value: String) -> KeyValue {
    of_value(key, Value::Text(value))
}

fn of_value(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
