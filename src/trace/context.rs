//! Where a span is (W3C Trace Context): its trace, its own id, and whether it is recorded.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    ids::{SpanId, TraceId},
    state::{self, TRACESTATE},
};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A span as others refer to it. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// Its trace.
    pub trace_id: TraceId,
    /// The span itself.
    pub span_id: SpanId,
    /// Whether it is recorded.
    pub sampled: bool,
    /// `tracestate`, passed on as it came.
    pub state: Option<Arc<str>>,
}

impl TraceContext {
    /// The span that a request was sent from. A malformed header counts as none, and so do two.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut given = headers.get_all(TRACEPARENT).iter();
        let only = given.next().filter(|_| given.next().is_none())?;
        let context = Self::parse(only.to_str().ok()?)?;
        Some(Self { state: state::of(headers), ..context })
    }

    /// Parses `traceparent`. Of a later version it reads what this one has.
    pub fn parse(traceparent: &str) -> Option<Self> {
        let (known, later) = traceparent.split_at_checked(55)?;
        let mut parts = known.split('-');
        let version = octet(parts.next()?)?;
        let (trace_id, span_id) = (parts.next()?, parts.next()?);
        let flags = octet(parts.next()?)?;
        let fits = match version {
            0 => later.is_empty(),
            0xff => false,
            _ => later.is_empty() || later.starts_with('-'),
        };
        let context = Self {
            trace_id: TraceId::parse(trace_id)?,
            span_id: SpanId::parse(span_id)?,
            sampled: flags & 1 == 1,
            state: None,
        };
        (fits && parts.next().is_none()).then_some(context)
    }

    /// The same, with a `tracestate` if that is right.
    #[must_use]
    pub fn with_state(self, tracestate: Option<&str>) -> Self {
        Self { state: tracestate.and_then(state::parse), ..self }
    }

    /// `traceparent`.
    pub fn traceparent(&self) -> String {
        let flags = if self.sampled { "01" } else { "00" };
        format!("00-{}-{}-{flags}", self.trace_id, self.span_id)
    }

    /// The headers that pass it on.
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let state = self.state.as_deref().map(|state| (TRACESTATE, state.to_owned()));
        let headers = [(TRACEPARENT, self.traceparent())].into_iter().chain(state);
        // Infallible: both are visible ASCII.
        headers.filter_map(|(name, value)| Some((name, HeaderValue::try_from(value).ok()?)))
    }
}

/// Two lower-case hexadecimal digits.
fn octet(hex: &str) -> Option<u8> {
    let is_right =
        hex.len() == 2 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    u8::from_str_radix(hex, 16).ok().filter(|_| is_right)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_parent_is_read_as_it_is_written() {
        let context = TraceContext::parse(RIGHT).unwrap();
        assert!(context.sampled);
        assert_eq!(context.traceparent(), RIGHT);
        let unsampled = RIGHT.replace("-01", "-00");
        assert_eq!(TraceContext::parse(&unsampled).unwrap().traceparent(), unsampled);
    }

    #[test]
    fn later_versions_and_other_flags_are_read_as_far_as_this_one_goes() {
        let expected = TraceContext::parse(RIGHT);
        for later in [
            RIGHT.replacen("00", "cc", 1),
            format!("{}-what-comes", RIGHT.replacen("00", "01", 1)),
            RIGHT.replace("-01", "-ff"),
            RIGHT.replace("-01", "-03"),
        ] {
            assert_eq!(TraceContext::parse(&later), expected, "{later}");
        }
    }

    #[test]
    fn what_is_malformed_is_ignored() {
        for wrong in [
            String::new(),
            format!("{RIGHT}-"),
            format!("{RIGHT}x"),
            RIGHT.replacen("00", "ff", 1),
            RIGHT.replacen("00", "0G", 1),
            RIGHT.to_uppercase(),
            RIGHT.replace('-', "_"),
            RIGHT.replace("-01", "-+1"),
            RIGHT.replace("b7ad6b7169203331", "0000000000000000"),
            RIGHT.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            format!("{}\u{e9}", &RIGHT[..54]),
        ] {
            assert_eq!(TraceContext::parse(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn headers_are_read_as_they_are_sent_and_two_parents_are_none() {
        let mut headers = HeaderMap::new();
        let context = TraceContext::parse(RIGHT).unwrap().with_state(Some("congo=t61"));
        headers.extend(context.headers().map(|(name, value)| (Some(name), value)));
        assert_eq!(headers.len(), 2);
        assert_eq!(TraceContext::of(&headers), Some(context.clone()));
        headers.append(TRACESTATE, HeaderValue::from_static("rojo=1"));
        let both = TraceContext::of(&headers).unwrap();
        assert_eq!(both.state.as_deref(), Some("congo=t61,rojo=1"));
        headers.append(TRACESTATE, HeaderValue::from_static("none"));
        assert_eq!(TraceContext::of(&headers), Some(context.with_state(None)));
        headers.append(TRACEPARENT, HeaderValue::from_static(RIGHT));
        assert_eq!(TraceContext::of(&headers), None);
    }
}
