//! The span of the current call. It is kept beside the log's span of that call, in the subscriber's registry.

use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::dispatcher;
use tracing_subscriber::{
    Registry,
    registry::{LookupSpan, Scope},
};

use super::{
    active::Active,
    context::TraceContext,
    span::{Kind, Text},
    tracer::Tracer,
};

/// The decision about a call, beside the log's span: what is called within the call does not decide again.
struct Decided(Option<Active>);

/// Begins the span of a call that has come with these headers. Within another call it is a part of that one's. `None` if
/// the call is not traced.
pub fn begin(headers: &HeaderMap, name: Text) -> Option<Active> {
    with_tracer(|tracer, registry| match decided(registry) {
        Some(above) => above.map(|above| above.begin_part((name, Kind::Internal))),
        None => {
            let parent = tracer.propagates.then(|| TraceContext::of(headers)).flatten();
            tracer.start(parent, (name, Kind::Server))
        }
    })
    .flatten()
}

/// Begins a span for work that a call has left, if the call had a trace; otherwise it may begin one of its own.
pub(super) fn resume(caused_by: Option<TraceContext>, name: Text, kind: Kind) -> Option<Active> {
    with_tracer(|tracer, _registry| tracer.start(caused_by, (name, kind))).flatten()
}

/// Notes the decision about a call beside the log's span of it.
pub fn attach(span: &tracing::Span, decision: Option<Active>) {
    let note = |(id, dispatch): (&tracing::Id, &tracing::Dispatch)| {
        // Without a tracer nobody looks for it.
        dispatch.downcast_ref::<Tracer>()?;
        let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
        span.extensions_mut().replace(Decided(decision));
        Some(())
    };
    let _without_tracer = span.with_subscriber(note);
}

/// The span of the current call, if it has one.
pub fn current() -> Option<Active> {
    with_tracer(|_tracer, registry| decided(registry)).flatten().flatten()
}

/// The headers that tell another service of the current trace.
pub fn propagated() -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let current =
        with_tracer(|tracer, registry| decided(registry).flatten().filter(|_| tracer.propagates));
    let current = current.flatten();
    current.into_iter().flat_map(|span| span.context().headers().collect::<Vec<_>>())
}

/// A comment about the current call for SQL (sqlcommenter), if the call is sampled and databases are told.
pub fn sql_comment() -> Option<String> {
    let current =
        with_tracer(|tracer, registry| decided(registry).flatten().filter(|_| tracer.sql_comments));
    let span = current.flatten().filter(|span| span.context().sampled)?;
    Some(format!("/*traceparent='{}'*/", span.context().traceparent()))
}

/// Registers the figures of spans, if there is a tracer.
pub fn register(registry: &mut prometheus_client::registry::Registry) {
    let _without_tracer = with_tracer(|tracer, _spans| tracer.figures().register(registry));
}

/// The span that was attached to the innermost of these.
pub fn in_scope<'a, R: LookupSpan<'a>>(scope: Scope<'a, R>) -> Option<Active> {
    decision(scope).flatten()
}

fn decision<'a, R: LookupSpan<'a>>(mut scope: Scope<'a, R>) -> Option<Option<Active>> {
    scope.find_map(|span| span.extensions().get::<Decided>().map(|Decided(found)| found.clone()))
}

fn decided(registry: &Registry) -> Option<Option<Active>> {
    let current = tracing::Subscriber::current_span(registry);
    decision(registry.span(current.id()?)?.scope())
}

/// Calls `ask` with the tracer, if there is one.
fn with_tracer<T>(ask: impl FnOnce(&Tracer, &Registry) -> T) -> Option<T> {
    // Asked once: it may consume what it holds.
    let mut ask = Some(ask);
    dispatcher::get_default(|dispatch| {
        let tracer = dispatch.downcast_ref::<Tracer>()?;
        let registry = dispatch.downcast_ref::<Registry>()?;
        Some(ask.take()?(tracer, registry))
    })
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::Receiver;
    use tracing::subscriber::with_default;
    use tracing_subscriber::{fmt, layer::SubscriberExt as _};

    use super::{
        super::{Sampler, Span, Whether},
        *,
    };

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0";

    /// Runs `work` with a tracer, beside a log as the server has it. Returns what was recorded.
    fn traced<T>(root: Whether, propagates: bool, work: impl FnOnce() -> T) -> (T, Vec<Span>) {
        let sampler = Sampler { follows_parent: true, root };
        let (tracer, mut spans) = Tracer::new(sampler, propagates, 16);
        let log = fmt().with_writer(std::io::sink).finish().with(tracer);
        let done = with_default(log, work);
        (done, all(&mut spans))
    }

    fn all(spans: &mut Receiver<Span>) -> Vec<Span> {
        std::iter::from_fn(|| spans.try_recv().ok()).collect()
    }

    fn from(flag: u8) -> HeaderMap {
        let parent = HeaderValue::try_from(format!("{PARENT}{flag}")).unwrap();
        [(HeaderName::from_static("traceparent"), parent)].into_iter().collect()
    }

    /// A call with a call in it, as the gateway makes them.
    fn call(headers: &HeaderMap) -> Option<TraceContext> {
        let (outer, inner) = (tracing::error_span!("http"), tracing::error_span!("rpc"));
        let begun = begin(headers, "outer".into());
        attach(&outer, begun.clone());
        let within = outer.in_scope(|| {
            let begun = begin(&HeaderMap::new(), "inner".into());
            attach(&inner, begun.clone());
            let within = inner.in_scope(current);
            begun.iter().for_each(|inner| inner.end(Vec::new(), true));
            within
        });
        begun.iter().for_each(|outer| outer.end(vec![("a", "b".into())], false));
        within.map(|within| within.context().clone())
    }

    #[test]
    fn a_call_within_a_call_is_a_part_of_it() {
        let (within, spans) = traced(Whether::Always, true, || call(&HeaderMap::new()));
        let [inner, outer] = &spans[..] else { panic!("{spans:?}") };
        assert_eq!(within.unwrap(), inner.context);
        assert_eq!((outer.parent, inner.parent), (None, Some(outer.context.span_id)));
        assert_eq!(outer.context.trace_id, inner.context.trace_id);
        assert_eq!((outer.kind, inner.kind), (Kind::Server, Kind::Internal));
        assert_eq!((outer.failed, inner.failed), (false, true));
        assert!(outer.began <= inner.began && inner.ended <= outer.ended);
    }

    #[test]
    fn a_call_that_is_not_sampled_decides_for_what_it_calls() {
        let (within, spans) = traced(Whether::Never, true, || call(&HeaderMap::new()));
        assert_eq!((within, spans.len()), (None, 0));
        // Half of the calls: never the inner one alone.
        for _ in 0..50 {
            let (_, spans) = traced(Whether::Ratio(0.5), true, || call(&HeaderMap::new()));
            assert!([0, 2].contains(&spans.len()), "{spans:?}");
        }
    }

    #[test]
    fn a_parent_is_followed_whatever_else_is_sampled() {
        let (_, spans) = traced(Whether::Never, true, || call(&from(1)));
        let outer = &spans[1];
        assert!(outer.parent_is_remote && !spans[0].parent_is_remote);
        assert_eq!(outer.parent.unwrap().to_string(), "b7ad6b7169203331");
        assert_eq!(outer.context.trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
        // Recorded nowhere, but known: for the log, and for others.
        let (within, spans) = traced(Whether::Always, true, || call(&from(0)));
        assert_eq!(spans.len(), 0);
        let told = within.unwrap().traceparent();
        assert!(told.starts_with(&PARENT[..35]) && told.ends_with("-00"), "{told}");
    }

    #[test]
    fn where_nothing_is_propagated_no_parent_counts_and_nobody_is_told() {
        for (propagates, headers) in [(true, 1), (false, 0)] {
            let (told, spans) = traced(Whether::Always, propagates, || {
                let span = tracing::error_span!("call");
                let begun = begin(&from(1), "call".into());
                attach(&span, begun.clone());
                begun.unwrap().end(Vec::new(), false);
                span.in_scope(|| propagated().count())
            });
            assert_eq!(told, headers);
            assert_eq!(spans[0].parent.is_some(), propagates);
        }
    }

    #[test]
    fn what_does_not_fit_is_lost_and_nobody_waits() {
        let sampler = Sampler { follows_parent: true, root: Whether::Always };
        let (tracer, mut spans) = Tracer::new(sampler, true, 2);
        let figures = tracer.figures().clone();
        with_default(tracing_subscriber::registry().with(tracer), || {
            for _ in 0..5 {
                begin(&HeaderMap::new(), "call".into()).unwrap().end(Vec::new(), false);
            }
        });
        assert_eq!((all(&mut spans).len(), figures.lost.get()), (2, 3));
    }

    #[test]
    fn without_a_tracer_nothing_is_traced() {
        with_default(fmt().with_writer(std::io::sink).finish(), || {
            assert_eq!(call(&from(1)), None);
            assert!(resume(None, "work".into(), Kind::Client).is_none());
            assert_eq!(propagated().count(), 0);
        });
    }
}
