//! The settings of traces, a part of the one table in `settings`. Their names, values and defaults are OpenTelemetry's
//! ("Environment Variable Specification", "OTLP Exporter Configuration").

use super::setting::{
    DefaultValue::{self, Absent, Computed, Value},
    Setting, plain, secret,
};

/// All of them, in the order in which they are documented.
pub(super) const ALL: &[Setting] = &[
    SDK_DISABLED,
    EXPORTER,
    ENDPOINT,
    TRACES_ENDPOINT,
    PROTOCOL,
    TRACES_PROTOCOL,
    HEADERS,
    TRACES_HEADERS,
    TIMEOUT,
    TRACES_TIMEOUT,
    CERTIFICATE,
    TRACES_CERTIFICATE,
    COMPRESSION,
    TRACES_COMPRESSION,
    SERVICE_NAME,
    RESOURCE_ATTRIBUTES,
    SAMPLER,
    SAMPLER_ARG,
    PROPAGATORS,
    BSP_SCHEDULE_DELAY,
    BSP_EXPORT_TIMEOUT,
    BSP_MAX_QUEUE_SIZE,
    BSP_MAX_EXPORT_BATCH_SIZE,
    SQL_COMMENTS,
];

/// How a setting of traces follows the one of all signals.
const AS_ALL: DefaultValue = Computed("as the one above");

pub(super) const SDK_DISABLED: Setting =
    plain("OTEL_SDK_DISABLED", Value("false"), "no traces, whatever else is set: true or false");
pub(super) const EXPORTER: Setting = plain(
    "OTEL_TRACES_EXPORTER",
    Computed("otlp where an endpoint is set, otherwise none"),
    "where spans go: otlp or none",
);
pub(super) const ENDPOINT: Setting = plain(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    Computed("http://localhost:4318, with grpc http://localhost:4317"),
    "the collector; over HTTP, /v1/traces is appended",
);
pub(super) const TRACES_ENDPOINT: Setting =
    plain("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", AS_ALL, "the collector of traces, as it stands");
pub(super) const PROTOCOL: Setting =
    plain("OTEL_EXPORTER_OTLP_PROTOCOL", Value("http/protobuf"), "grpc or http/protobuf");
pub(super) const TRACES_PROTOCOL: Setting =
    plain("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", AS_ALL, "the protocol for traces");
pub(super) const HEADERS: Setting = secret(
    "OTEL_EXPORTER_OTLP_HEADERS",
    Absent,
    "headers of requests to the collector: name=value,name=value, percent-encoded",
);
pub(super) const TRACES_HEADERS: Setting =
    secret("OTEL_EXPORTER_OTLP_TRACES_HEADERS", AS_ALL, "headers for traces");
pub(super) const TIMEOUT: Setting = plain(
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    Value("10000"),
    "milliseconds that the collector has for one request",
);
pub(super) const TRACES_TIMEOUT: Setting =
    plain("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", AS_ALL, "milliseconds for traces");
pub(super) const CERTIFICATE: Setting = plain(
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    Absent,
    "file of authorities (PEM) to believe beside the public ones when the collector has TLS",
);
pub(super) const TRACES_CERTIFICATE: Setting =
    plain("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", AS_ALL, "authorities for traces");
pub(super) const COMPRESSION: Setting =
    plain("OTEL_EXPORTER_OTLP_COMPRESSION", Value("none"), "none or gzip");
pub(super) const TRACES_COMPRESSION: Setting =
    plain("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", AS_ALL, "compression for traces");
pub(super) const SERVICE_NAME: Setting =
    plain("OTEL_SERVICE_NAME", Value("countersign"), "the name of this service in traces");
pub(super) const RESOURCE_ATTRIBUTES: Setting = plain(
    "OTEL_RESOURCE_ATTRIBUTES",
    Absent,
    "what every span says: deployment.environment.name=production,name=value, percent-encoded",
);
pub(super) const SAMPLER: Setting = plain(
    "OTEL_TRACES_SAMPLER",
    Value("parentbased_always_on"),
    "which traces: always_on, always_off or traceidratio, or these after parentbased_",
);
pub(super) const SAMPLER_ARG: Setting = plain(
    "OTEL_TRACES_SAMPLER_ARG",
    Value("1.0"),
    "with traceidratio: the part of the traces, from 0 to 1",
);
pub(super) const PROPAGATORS: Setting = plain(
    "OTEL_PROPAGATORS",
    Value("tracecontext,baggage"),
    "which headers carry traces on: tracecontext or none; baggage is not read",
);
pub(super) const BSP_SCHEDULE_DELAY: Setting = plain(
    "OTEL_BSP_SCHEDULE_DELAY",
    Value("5000"),
    "milliseconds that a span waits for others at the most",
);
pub(super) const BSP_EXPORT_TIMEOUT: Setting = plain(
    "OTEL_BSP_EXPORT_TIMEOUT",
    Value("30000"),
    "milliseconds after which a batch is lost that the collector does not take",
);
pub(super) const BSP_MAX_QUEUE_SIZE: Setting =
    plain("OTEL_BSP_MAX_QUEUE_SIZE", Value("2048"), "spans that may wait; others are lost");
pub(super) const BSP_MAX_EXPORT_BATCH_SIZE: Setting =
    plain("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", Value("512"), "spans in one request");
pub(super) const SQL_COMMENTS: Setting = plain(
    "COUNTERSIGN_SQL_COMMENTS",
    Value("off"),
    "with Postgres: whether BEGIN of a sampled call has a comment with its traceparent: on or off",
);
