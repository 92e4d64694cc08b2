//! Traces. Off unless a collector is named: nobody without one pays for it.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use url::Url;
use uuid::Uuid;

use super::{
    reader::{Reader, whole_number},
    setting::{DefaultValue, Setting},
    tracing_settings as settings,
};
use crate::{
    dial::Trust,
    trace::{Sampler, Whether},
};

/// Ten minutes in milliseconds: no limit of time is longer.
const LONGEST: u64 = 600_000;

/// Which calls are traced, and where their spans go.
#[derive(Debug, Clone)]
pub struct Tracing {
    /// Which traces are recorded.
    pub sampler: Sampler,
    /// Whether `traceparent` is read, and sent on.
    pub propagates: bool,
    /// The most spans that wait.
    pub queue: usize,
    /// Whether Postgres is told of sampled calls.
    pub sql_comments: bool,
    /// The collector.
    pub export: Export,
}

/// How spans are sent.
#[derive(Debug, Clone)]
pub struct Export {
    /// The protocol.
    pub protocol: Protocol,
    /// Where requests go; with gRPC, without a path.
    pub endpoint: Uri,
    /// Headers of every request. Their values are secrets, and not shown.
    pub headers: HeaderMap,
    /// Time limit of one request.
    pub timeout: Duration,
    /// The authorities that are believed.
    pub trust: Trust,
    /// Whether requests are compressed.
    pub gzip: bool,
    /// What every span says.
    pub resource: Vec<(String, String)>,
    /// How long a span waits for others.
    pub delay: Duration,
    /// After this time a batch is given up.
    pub export_timeout: Duration,
    /// The most spans of a batch.
    pub batch: usize,
}

/// The form of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// OTLP over gRPC.
    Grpc,
    /// OTLP over HTTP, in protobuf.
    #[default]
    HttpProtobuf,
}

impl Protocol {
    fn default_endpoint(self) -> &'static str {
        match self {
            Self::Grpc => "http://localhost:4317",
            Self::HttpProtobuf => "http://localhost:4318",
        }
    }
}

impl Reader<'_> {
    /// `None` where nothing is traced. All settings are checked in any case.
    pub(super) fn tracing(&mut self) -> Option<Tracing> {
        let is_disabled = self.read(settings::SDK_DISABLED, true_or_false);
        let exporter = self.given(settings::EXPORTER, exporter);
        let has_endpoint = [settings::ENDPOINT, settings::TRACES_ENDPOINT]
            .into_iter()
            .any(|setting| self.settings.get(setting).is_some());
        let (queue, batch) = self.queue();
        let sql_comments = self.switch(settings::SQL_COMMENTS);
        let protocol = self.of_traces(settings::TRACES_PROTOCOL, settings::PROTOCOL, protocol);
        let tracing = Tracing {
            sampler: self.sampler(),
            propagates: self.read(settings::PROPAGATORS, propagators),
            queue,
            sql_comments,
            export: Export {
                protocol,
                endpoint: self.endpoint(protocol),
                headers: self.of_traces(settings::TRACES_HEADERS, settings::HEADERS, headers),
                timeout: self.of_traces(settings::TRACES_TIMEOUT, settings::TIMEOUT, milliseconds),
                trust: self.of_traces(
                    settings::TRACES_CERTIFICATE,
                    settings::CERTIFICATE,
                    authorities,
                ),
                gzip: self.of_traces(
                    settings::TRACES_COMPRESSION,
                    settings::COMPRESSION,
                    compression,
                ),
                resource: self.resource(),
                delay: self.read(settings::BSP_SCHEDULE_DELAY, milliseconds),
                export_timeout: self.read(settings::BSP_EXPORT_TIMEOUT, milliseconds),
                batch,
            },
        };
        (!is_disabled && exporter.unwrap_or(has_endpoint)).then_some(tracing)
    }

    /// The setting for traces, or that of all signals, or its default.
    fn of_traces<T: Clone + Default>(
        &mut self,
        of_traces: Setting,
        of_all: Setting,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        let of_all = if matches!(of_all.default, DefaultValue::Value(_)) {
            self.read(of_all, &parse)
        } else {
            self.given(of_all, &parse).unwrap_or_default()
        };
        self.given(of_traces, &parse).unwrap_or(of_all)
    }

    fn queue(&mut self) -> (usize, usize) {
        let queue = self.number(settings::BSP_MAX_QUEUE_SIZE, 1..=1_000_000);
        let batch = self.number(settings::BSP_MAX_EXPORT_BATCH_SIZE, 1..=1_000_000);
        if self.settings.get(settings::BSP_MAX_EXPORT_BATCH_SIZE).is_some() && batch > queue {
            let problem = format!("must not be more than {}", settings::BSP_MAX_QUEUE_SIZE.name);
            self.problems.add(settings::BSP_MAX_EXPORT_BATCH_SIZE, problem);
        }
        (queue, batch.min(queue))
    }

    fn sampler(&mut self) -> Sampler {
        let ratio = self.read(settings::SAMPLER_ARG, |text| match text.parse() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
            _ => Err("must be a number from 0 to 1".into()),
        });
        let (follows_parent, root) = self.read(settings::SAMPLER, |text| {
            let name = text.to_lowercase();
            let root = name.strip_prefix("parentbased_");
            let whether = match root.unwrap_or(&name) {
                "always_on" => Some(Whether::Always),
                "always_off" => Some(Whether::Never),
                "traceidratio" => Some(Whether::Ratio(ratio)),
                _ => None,
            };
            let whether = whether.ok_or(
                "must be always_on, always_off or traceidratio, or one of these after parentbased_",
            )?;
            Ok((root.is_some(), Some(whether)))
        });
        // Without one a problem was reported.
        Sampler { follows_parent, root: root.unwrap_or(Whether::Never) }
    }

    fn endpoint(&mut self, protocol: Protocol) -> Uri {
        let of_all = self.given(settings::ENDPOINT, |text| endpoint(text, protocol, true));
        let given = self.given(settings::TRACES_ENDPOINT, |text| endpoint(text, protocol, false));
        given.or(of_all).unwrap_or_else(|| {
            endpoint(protocol.default_endpoint(), protocol, true).unwrap_or_default()
        })
    }

    /// The attributes that are set, and those that every service has.
    fn resource(&mut self) -> Vec<(String, String)> {
        let mut resource =
            self.given(settings::RESOURCE_ATTRIBUTES, attributes).unwrap_or_default();
        if self.settings.get(settings::SERVICE_NAME).is_some() {
            resource.retain(|(name, _)| name != "service.name");
        }
        let name = self.read(settings::SERVICE_NAME, |text| Ok(text.to_owned()));
        for (key, value) in [
            ("service.name", name),
            ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
            ("service.instance.id", Uuid::now_v7().to_string()),
            ("telemetry.sdk.language", "rust".to_owned()),
            ("telemetry.sdk.name", "countersign".to_owned()),
            ("telemetry.sdk.version", env!("CARGO_PKG_VERSION").to_owned()),
        ] {
            if resource.iter().all(|(given, _)| given != key) {
                resource.push((key.to_owned(), value));
            }
        }
        resource
    }
}

/// Whether it is one that exports.
fn exporter(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "otlp" => Ok(true),
        "none" => Ok(false),
        _ => Err("must be otlp or none".into()),
    }
}

fn true_or_false(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("must be true or false".into()),
    }
}

fn protocol(text: &str) -> Result<Protocol, String> {
    match text {
        "grpc" => Ok(Protocol::Grpc),
        "http/protobuf" => Ok(Protocol::HttpProtobuf),
        _ => Err("must be grpc or http/protobuf".into()),
    }
}

fn compression(text: &str) -> Result<bool, String> {
    match text {
        "gzip" => Ok(true),
        "none" => Ok(false),
        _ => Err("must be gzip or none".into()),
    }
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    whole_number(1..=LONGEST)(text).map(Duration::from_millis)
}

/// Whether `tracecontext` is among them.
fn propagators(text: &str) -> Result<bool, String> {
    let names: Vec<_> = text.split(',').map(|name| name.trim().to_lowercase()).collect();
    let known = |name: &String| ["tracecontext", "baggage", "none"].contains(&name.as_str());
    if names.iter().all(known) {
        Ok(names.iter().any(|name| name == "tracecontext"))
    } else {
        Err("must be tracecontext, baggage (both, with a comma) or none".into())
    }
}

/// A URL without credentials: those belong in the headers, which are kept secret.
fn endpoint(text: &str, protocol: Protocol, is_base: bool) -> Result<Uri, String> {
    let wrong = || "must be a URL, http://… or https://…, without user and password".to_owned();
    let mut url = Url::parse(text).map_err(|_not_a_url| wrong())?;
    let has_host = url.host().is_some() && ["http", "https"].contains(&url.scheme());
    let has_more = !url.username().is_empty() || url.password().is_some();
    if !has_host || has_more || url.fragment().is_some() {
        return Err(wrong());
    }
    let url = match protocol {
        Protocol::Grpc if url.path() != "/" || url.query().is_some() => {
            return Err("must not have a path, because the protocol is grpc".into());
        }
        Protocol::Grpc => url.origin().ascii_serialization(),
        Protocol::HttpProtobuf => {
            if is_base {
                url.set_path(&format!("{}/v1/traces", url.path().trim_end_matches('/')));
            }
            url.into()
        }
    };
    url.parse().map_err(|_not_a_uri| wrong())
}

/// Headers, whose values are secrets: no problem repeats them.
fn headers(text: &str) -> Result<HeaderMap, String> {
    let wrong = || "must be headers: name=value,name=value, percent-encoded".to_owned();
    let header = |(name, value): (String, String)| {
        let name = HeaderName::try_from(name).map_err(|_no_name| wrong())?;
        let mut value = HeaderValue::try_from(value).map_err(|_no_value| wrong())?;
        value.set_sensitive(true);
        Ok((name, value))
    };
    pairs(text).ok_or_else(wrong)?.into_iter().map(header).collect()
}

fn attributes(text: &str) -> Result<Vec<(String, String)>, String> {
    pairs(text).ok_or_else(|| "must be name=value,name=value, percent-encoded".to_owned())
}

/// The form of both: W3C Baggage without properties.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let decoded = |text: &str| {
        let decoded = percent_decode_str(text.trim()).decode_utf8().ok()?;
        Some(decoded.into_owned())
    };
    let pair = |member: &str| {
        let (name, value) = member.split_once('=')?;
        Some((decoded(name).filter(|name| !name.is_empty())?, decoded(value)?))
    };
    let members = text.split(',').filter(|member| !member.trim().is_empty());
    members.map(pair).collect()
}

fn authorities(path: &str) -> Result<Trust, String> {
    let pem = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    Trust::parse(&pem)
}
