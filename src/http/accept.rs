//! Content negotiation for the metrics (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, header::ACCEPT};

/// A format of the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Prometheus' own text format, 0.0.4: the default, for scripts and older scrapers.
    Text,
    /// OpenMetrics, which Prometheus asks for.
    OpenMetrics,
    /// An early version of it, identical for our metrics.
    OpenMetrics001,
}

impl Format {
    /// The format that a request's `accept` prefers; text if it matches none.
    pub(super) fn asked_for(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut liked: Vec<_> = values.flat_map(|value| value.split(',')).map(liking).collect();
        // A stable sort: of two with the same weight, the first one wins.
        liked.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        let mut formats = liked.into_iter().filter(|(weight, _)| *weight > 0.0);
        formats.find_map(|(_, format)| format).unwrap_or(Self::Text)
    }

    /// The media type of the format.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::OpenMetrics001 => "application/openmetrics-text; version=0.0.1; charset=utf-8",
        }
    }
}

/// The weight of a range of media types, from 0 to 1, and the format that it matches, if any.
fn liking(range: &str) -> (f32, Option<Format>) {
    let mut parts = range.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
    let (mut weight, mut version) = (1.0, None);
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        match name.trim().to_ascii_lowercase().as_str() {
            "q" => weight = value.trim().parse().unwrap_or(0.0),
            "version" => version = Some(value.trim().trim_matches('"')),
            _ => {}
        }
    }
    let format = match (media_type.as_str(), version) {
        ("application/openmetrics-text", None | Some("1.0.0")) | ("application/*", None) => {
            Some(Format::OpenMetrics)
        }
        ("application/openmetrics-text", Some("0.0.1")) => Some(Format::OpenMetrics001),
        ("text/plain", None | Some("0.0.4")) | ("text/*" | "*/*", None) => Some(Format::Text),
        _ => None,
    };
    (weight, format)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&'static str]) -> Format {
        Format::asked_for(&values.iter().map(|value| (ACCEPT, value.parse().unwrap())).collect())
    }

    #[test]
    fn text_is_for_whoever_does_not_ask_for_openmetrics() {
        for values in [
            &[][..],
            &["*/*"],
            &["text/plain"],
            &["text/plain;version=0.0.4"],
            &["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
            &["application/json"],
            &["application/openmetrics-text;q=0, */*"],
            &["application/openmetrics-text;q=0"],
            &["application/openmetrics-text;q=nonsense"],
            &["application/openmetrics-text;version=2.0.0,*/*;q=0.1"],
            &["application/openmetrics-text;q=0.4,text/plain;version=0.0.4;q=0.5"],
            &["nonsense;;q=x"],
            &[""],
        ] {
            assert_eq!(of(values), Format::Text, "{values:?}");
        }
    }

    #[test]
    fn prometheus_gets_the_version_that_it_likes_best() {
        for values in [
            &["application/openmetrics-text"][..],
            &["Application/OpenMetrics-Text; Version=\"1.0.0\"; charset=utf-8"],
            // Prometheus 2.42, and 3.
            &[
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
               text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            ],
            &["application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
               application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
               text/plain;version=0.0.4;q=0.3,*/*;q=0.2"],
            &["text/plain;q=0.3", "application/openmetrics-text;version=1.0.0;q=0.6"],
            &[
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,\
               application/openmetrics-text;version=1.0.0;q=0.6,*/*;q=0.2",
            ],
        ] {
            assert_eq!(of(values), Format::OpenMetrics, "{values:?}");
        }
        let early = "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5";
        assert_eq!(of(&[early]), Format::OpenMetrics001);
    }
}
