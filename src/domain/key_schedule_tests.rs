//! The schedule of signing keys: which one signs, and how long it is published.

use super::*;

const TTL: Duration = Duration::from_secs(900);
const DAY: u64 = 24 * 3600;
/// Time from generating a key to its first signature.
const LEAD: Duration = Duration::from_secs(30 * 60);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_micros(0).plus(Duration::from_secs(seconds))
}

/// A key of that algorithm and number, made a lead before it signs.
fn key(algorithm: &str, generation: i64, signs_from: u64) -> KeyTimes {
    KeyTimes {
        kid: format!("{algorithm}-{generation}"),
        algorithm: algorithm.to_owned(),
        generation,
        created_at: at(signs_from.saturating_sub(LEAD.as_secs())),
        signs_from: at(signs_from),
        retired_at: None,
    }
}

fn schedule(keys: &[KeyTimes]) -> KeySchedule {
    KeySchedule::new(keys.to_vec(), "ES256", TTL)
}

fn states(keys: &[KeyTimes], seconds: u64) -> Vec<KeyState> {
    let schedule = schedule(keys);
    keys.iter().map(|key| schedule.state(key, at(seconds))).collect()
}

fn signer(keys: &[KeyTimes], seconds: u64) -> Option<String> {
    schedule(keys).signer(at(seconds)).map(|key| key.kid.clone())
}

#[test]
fn a_key_is_published_before_it_signs_and_until_its_last_token_has_expired() {
    use KeyState::{Expired, Next, Published, Signing};
    let keys = [key("ES256", 1, 0), key("ES256", 2, DAY)];
    assert_eq!(states(&keys, DAY - 1), [Signing, Next]);
    assert_eq!(states(&keys, DAY), [Published, Signing]);
    let end = DAY + TTL.as_secs() + CLOCK_SKEW.as_secs();
    assert_eq!(states(&keys, end - 1), [Published, Signing]);
    assert_eq!(states(&keys, end), [Expired, Signing]);
    assert_eq!(schedule(&keys).published_until(&keys[0]), Some(at(end)));
    assert_eq!(schedule(&keys).published_until(&keys[1]), None);
}

#[test]
fn a_retired_key_is_out_at_once_and_one_that_never_signed_has_taken_over_from_nobody() {
    use KeyState::{Published, Retired, Signing};
    let mut keys = [key("ES256", 1, 0), key("ES256", 2, 1000), key("ES256", 3, 1100)];
    assert_eq!(states(&keys, 1200), [Published, Published, Signing]);
    keys[1].retired_at = Some(at(1150));
    assert_eq!(states(&keys, 1200), [Published, Retired, Signing]);
    let until = at(1000).plus(TTL).plus(CLOCK_SKEW);
    assert_eq!(schedule(&keys).published_until(&keys[0]), Some(until), "2 did take over from 1");
    keys[1].retired_at = Some(at(999));
    let until = at(1100).plus(TTL).plus(CLOCK_SKEW);
    assert_eq!(schedule(&keys).published_until(&keys[0]), Some(until), "2 never did");
}

/// Verifiers may have dropped an expired key: it never signs again.
#[test]
fn an_expired_key_never_signs_again() {
    let mut keys = [key("ES256", 1, 0), key("ES256", 2, DAY)];
    keys[1].retired_at = Some(at(3 * DAY));
    assert_eq!(signer(&keys, 3 * DAY), None);
    assert_eq!(
        schedule(&keys).due(at(3 * DAY), TTL, TTL),
        Some(at(3 * DAY)),
        "one is made at once"
    );
}

#[test]
fn until_the_configured_algorithms_first_key_signs_the_other_one_does() {
    use KeyState::{Next, Published, Signing};
    let keys = [key("EdDSA", 1, 0), key("ES256", 1, 1000)];
    assert_eq!(states(&keys, 999), [Signing, Next]);
    assert_eq!(states(&keys, 1000), [Published, Signing]);
    // Replicas with the other configuration may still sign with it.
    assert_eq!(states(&keys, 365 * DAY), [Published, Signing]);
}

#[test]
fn the_first_key_signs_even_where_the_clock_is_behind() {
    let keys = [key("ES256", 1, 1000), key("ES256", 2, 2000)];
    assert_eq!(signer(&keys, 999).as_deref(), Some("ES256-1"));
    assert_eq!(signer(&[], 999), None);
}

#[test]
fn a_new_key_is_due_where_there_is_none_and_when_the_newest_is_old() {
    let (rotation, notice) = (Duration::from_secs(DAY), LEAD);
    let lead = notice.as_secs();
    let due = |keys: &[KeyTimes], seconds| schedule(keys).due(at(seconds), rotation, notice);
    assert_eq!(due(&[], 5), Some(at(5)), "nothing else can sign");
    assert_eq!(due(&[key("EdDSA", 1, 0)], 5), Some(at(5 + lead)), "another algorithm's can");
    let mut keys = [key("ES256", 1, 0), key("ES256", 2, DAY + lead)];
    assert_eq!(due(&keys[..1], DAY - 1), None);
    assert_eq!(due(&keys[..1], DAY), Some(at(DAY + lead)));
    assert_eq!(due(&keys, DAY), None, "it is there, and waits");
    keys[1].retired_at = Some(at(DAY));
    assert_eq!(due(&keys, DAY), Some(at(DAY + lead)));
    assert_eq!(schedule(&keys).next_generation(), 3);
    assert_eq!(KeySchedule::new(keys.to_vec(), "RS256", TTL).next_generation(), 1);
}

/// A clock that was ahead made the newest key, and waits with it: the others are replaced in time.
#[test]
fn a_key_from_the_future_keeps_no_other_from_being_made() {
    let (rotation, notice) = (Duration::from_secs(DAY), LEAD);
    let lead = notice.as_secs();
    for ahead in [DAY / 12, 365 * DAY] {
        let now = 10 * DAY;
        let mut keys = vec![key("ES256", 1, now - 3600), key("ES256", 2, now + ahead + lead)];
        assert_eq!(signer(&keys, now).as_deref(), Some("ES256-1"));
        let due = |keys: &[KeyTimes], seconds| schedule(keys).due(at(seconds), rotation, notice);
        // By then the clock has caught up with one that was ahead by two hours.
        let old = now - 3600 - lead + DAY;
        assert_eq!(due(&keys, now), None, "the first is fresh");
        assert_eq!(due(&keys, old), (ahead > DAY).then(|| at(old + lead)));
        keys.push(key("ES256", 3, old + lead));
        assert_eq!(due(&keys, old), None, "one is enough");
        assert_eq!(signer(&keys, old + lead).as_deref(), Some("ES256-3"));
    }
    // The only key is from the future: it signs, and another one is made for the time after it.
    let only = [key("ES256", 1, 365 * DAY)];
    assert_eq!(signer(&only, DAY).as_deref(), Some("ES256-1"));
    assert_eq!(schedule(&only).due(at(DAY), rotation, notice), Some(at(DAY + lead)));
}

#[test]
fn the_order_is_the_same_whatever_the_stores() {
    let mut keys = [key("ES256", 1, 0), key("EdDSA", 1, 0), key("ES256", 2, 50)];
    let forward = schedule(&keys);
    keys.reverse();
    assert_eq!(forward, schedule(&keys));
    let kids: Vec<_> = forward.keys().iter().map(|key| key.kid.as_str()).collect();
    assert_eq!(kids, ["ES256-2", "EdDSA-1", "ES256-1"]);
}
