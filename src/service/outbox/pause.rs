//! The backoff of a message until its next try.

use std::time::Duration;

use rand::RngExt as _;

use crate::{
    delivery::{Failure, FailureKind},
    store::{ClaimedMessage, Priority},
};

/// Cap of the backoff. A code lives for some minutes, so it must still get through after an outage.
const LONGEST: Duration = Duration::from_secs(60);

/// Cap for a notice that its recipient's server defers. It is not urgent, and servers count tries.
const LONGEST_OF_NOTICES: Duration = Duration::from_secs(30 * 60);

/// Pauses after ambiguous failures, when the message may have been accepted. One more try follows the last pause, and
/// then none: a recipient gets three copies at the most.
const UNSURE: [Duration; 2] = [Duration::from_secs(2 * 60), Duration::from_secs(15 * 60)];

/// The pause after a failure; `None` after the last try.
pub(in crate::service) fn pause(claimed: &ClaimedMessage, failure: &Failure) -> Option<Duration> {
    let is_notice = claimed.priority == Priority::Notice;
    let own = match failure.kind {
        FailureKind::Refused => return None,
        FailureKind::Unknown => {
            let before = usize::try_from(claimed.unsure).unwrap_or_default();
            *UNSURE.get(before)?
        }
        FailureKind::Waits if is_notice => growing(claimed.tries, LONGEST_OF_NOTICES),
        FailureKind::Waits | FailureKind::Away | FailureKind::Setup => {
            growing(claimed.tries, LONGEST)
        }
    };
    Some(failure.retry_after.map_or(own, |asked| asked.max(own)))
}

/// Exponential backoff with jitter: half of the pause is random, so that the messages of an outage do not all return at
/// once.
fn growing(tries: i32, longest: Duration) -> Duration {
    let doubled = Duration::from_secs(1 << (tries - 1).clamp(0, 16));
    let longest = doubled.min(longest);
    rand::rng().random_range(longest / 2..=longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn claimed(tries: i32, unsure: i32, priority: Priority) -> ClaimedMessage {
        let expires_at = Timestamp::from_unix_micros(0);
        ClaimedMessage {
            id: uuid::Uuid::nil(),
            sealed: Vec::new(),
            tries,
            unsure,
            expires_at,
            priority,
        }
    }

    fn failure(kind: FailureKind) -> Failure {
        Failure { kind, why: String::new(), retry_after: None }
    }

    #[test]
    fn pauses_grow_up_to_a_minute_and_of_refused_notices_up_to_half_an_hour() {
        for kind in [FailureKind::Away, FailureKind::Setup, FailureKind::Waits] {
            for priority in Priority::ALL {
                let most = if kind == FailureKind::Waits && priority == Priority::Notice {
                    1800
                } else {
                    60
                };
                for (tries, seconds) in [
                    (0, 1),
                    (1, 1),
                    (2, 2),
                    (3, 4),
                    (6, 32),
                    (7, 64),
                    (12, 2048),
                    (i32::MAX, 65_536),
                ] {
                    let longest = Duration::from_secs(seconds.min(most));
                    for _ in 0..20 {
                        let pause = pause(&claimed(tries, 0, priority), &failure(kind)).unwrap();
                        assert!(pause >= longest / 2 && pause <= longest, "{tries}: {pause:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_may_have_been_accepted_is_sent_three_times_at_the_most() {
        let after = |unsure| {
            let claimed = claimed(9, unsure, Priority::Notice);
            pause(&claimed, &failure(FailureKind::Unknown)).map(|pause| pause.as_secs())
        };
        assert_eq!([after(0), after(1), after(2), after(7)], [Some(120), Some(900), None, None]);
    }

    #[test]
    fn a_pause_that_the_other_side_asks_for_is_kept() {
        let claimed = claimed(1, 0, Priority::Code);
        let asked =
            Failure { retry_after: Some(Duration::from_secs(90)), ..failure(FailureKind::Away) };
        assert_eq!(pause(&claimed, &asked), Some(Duration::from_secs(90)));
        let less = Failure { retry_after: Some(Duration::ZERO), ..asked };
        assert!(pause(&claimed, &less).unwrap() >= Duration::from_millis(500));
        assert_eq!(pause(&claimed, &failure(FailureKind::Refused)), None);
    }
}
