//! Which traces are recorded. The decision falls once, at the root of a trace.

use super::{context::TraceContext, ids::TraceId};

/// A sampler, as OpenTelemetry has them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampler {
    /// Whether a trace that another service has begun is recorded if that service records it ("parent-based").
    pub follows_parent: bool,
    /// What becomes of other traces.
    pub root: Whether,
}

/// Whether a trace is recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Whether {
    /// Each is.
    Always,
    /// None is.
    Never,
    /// This part of them is, from 0 to 1. The same trace gets the same answer from every service with that ratio.
    Ratio(f64),
}

impl Sampler {
    pub(super) fn samples(&self, parent: Option<&TraceContext>, trace: TraceId) -> bool {
        match parent.filter(|_| self.follows_parent) {
            Some(parent) => parent.sampled,
            None => self.root.samples(trace),
        }
    }
}

impl Whether {
    /// By ratio as the SDKs of other languages do it: the lower half of the id, without its last bit, as a part of 2^63.
    fn samples(self, trace: TraceId) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Ratio(ratio) if ratio >= 1.0 => true,
            #[expect(
                clippy::cast_precision_loss,
                reason = "the ratio is no more precise than that"
            )]
            Self::Ratio(ratio) => ((trace.lower_half() >> 1) as f64) < ratio * 2_f64.powi(63),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sampled: &str) -> TraceContext {
        let text = format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{sampled}");
        TraceContext::parse(&text).unwrap()
    }

    #[test]
    fn a_parent_decides_for_those_who_follow_it() {
        let trace = TraceId::random();
        for root in [Whether::Always, Whether::Never] {
            let follows = Sampler { follows_parent: true, root };
            let own = Sampler { follows_parent: false, root };
            for (text, sampled) in [("01", true), ("00", false)] {
                assert_eq!(follows.samples(Some(&of(text)), trace), sampled);
                assert_eq!(own.samples(Some(&of(text)), trace), root == Whether::Always);
            }
            assert_eq!(follows.samples(None, trace), root == Whether::Always);
        }
    }

    #[test]
    fn a_ratio_is_a_part_of_the_ids() {
        let lowest = TraceId::parse("ffffffffffffffff0000000000000000").unwrap();
        let middle = TraceId::parse("0000000000000000800000000000000f").unwrap();
        let highest = TraceId::parse("0000000000000000ffffffffffffffff").unwrap();
        for (ratio, expected) in [
            (0.0, [false, false, false]),
            (1e-9, [true, false, false]),
            (0.5, [true, false, false]),
            (0.51, [true, true, false]),
            (1.0, [true, true, true]),
        ] {
            let sampled = [lowest, middle, highest].map(|id| Whether::Ratio(ratio).samples(id));
            assert_eq!(sampled, expected, "{ratio}");
        }
        let sampled = (0..10_000).filter(|_| Whether::Ratio(0.1).samples(TraceId::random()));
        let sampled = sampled.count();
        assert!((800..1200).contains(&sampled), "{sampled}");
    }
}
