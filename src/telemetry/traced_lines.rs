//! Lines of the log with the ids of their trace: `trace_id` and `span_id`, as OpenTelemetry names them.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use crate::trace::{TraceContext, in_scope};

/// The format of lines, with their trace.
#[derive(Debug, Clone, Copy)]
pub(super) enum TracedLines<E> {
    /// Nothing is traced: the format alone.
    Off(E),
    /// The ids follow the line. A traced line has no colours.
    Text(E),
    /// The ids are the first members of the object.
    Json(E),
}

impl<S, N, E> FormatEvent<S, N> for TracedLines<E>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    E: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let (Self::Off(format) | Self::Text(format) | Self::Json(format)) = self;
        let traced = match self {
            Self::Off(_) => None,
            Self::Text(_) | Self::Json(_) => {
                context.lookup_current().and_then(|span| in_scope(span.scope()))
            }
        };
        let Some(traced) = traced else { return format.format_event(context, writer, event) };
        let TraceContext { trace_id, span_id, .. } = traced.context();
        let mut line = String::with_capacity(512);
        format.format_event(context, Writer::new(&mut line), event)?;
        match (self, line.strip_prefix('{')) {
            (Self::Json(_), Some(members)) => {
                write!(writer, r#"{{"trace_id":"{trace_id}","span_id":"{span_id}",{members}"#)
            }
            (Self::Off(_) | Self::Text(_) | Self::Json(_), _) => {
                writeln!(writer, "{} trace_id={trace_id} span_id={span_id}", line.trim_end())
            }
        }
    }
}
