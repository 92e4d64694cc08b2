//! Traces of calls: which call is traced, whose trace it belongs to (W3C Trace Context), and the spans that are exported.
//!
//! What is exported holds texts that are compiled into this program, and numbers: [`Text`] can be made of nothing else. So
//! no name, address, code or token of ours can get into a span, whatever a later change records. Nor are log lines
//! exported. The one text of a caller is its own `tracestate`, which is checked by its grammar and goes on as it came, 512
//! characters at the most, as W3C Trace Context asks.
//!
//! Where no tracer is installed, or a call is not sampled, there are no spans at all (ADR 45). `src/otlp` sends them.

mod active;
mod context;
mod current;
mod ids;
mod queue;
mod sampler;
mod span;
mod state;
mod tracer;
mod work;

pub use self::{
    active::Active,
    context::TraceContext,
    current::{attach, begin, current, in_scope, propagated, register, sql_comment},
    ids::{SpanId, TraceId},
    queue::Figures,
    sampler::{Sampler, Whether},
    span::{Attributes, Kind, Span, Text, Value},
    tracer::Tracer,
    work::Delivery,
};

/// The target of the spans of calls, in the log as well. No filter of the log removes them (`telemetry::start`).
pub const TARGET: &str = "countersign::call";
