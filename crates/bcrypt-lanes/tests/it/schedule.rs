//! Jobs that come and go at any time: joining midway, waiting for room, being cancelled, at mixed costs.

use std::collections::BTreeMap;

use bcrypt_lanes::{Cost, Digest, Kernel, LaneCount, Lanes};
use proptest::{array::uniform16, prelude::*};

use crate::against_bcrypt::{cases, costs, expected, passwords};

#[derive(Clone, Debug)]
struct Job {
    password: Vec<u8>,
    salt: [u8; 16],
    cost: Cost,
    /// It takes no less than that cost would.
    padded_to: Cost,
    /// The step before which it asks to join; it asks again while there is no room.
    arrives: u32,
    /// How many steps it gets before it is cancelled, if it is not done by then.
    patience: u32,
}

/// What became of a job: when it joined, and at which step it left with which digest, if it was not cancelled.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    joined: u32,
    left: u32,
    digest: Option<Digest>,
}

fn jobs() -> impl Strategy<Value = Vec<Job>> {
    let patience = prop_oneof![3 => Just(u32::MAX), 1 => 0..64_u32];
    let costs = (costs(), prop_oneof![Just(Cost::MIN), costs()]);
    let job = (passwords(), uniform16(any::<u8>()), costs, 0..100_u32, patience).prop_map(
        |(password, salt, (cost, padded_to), arrives, patience)| Job {
            password,
            salt,
            cost,
            padded_to,
            arrives,
            patience,
        },
    );
    prop::collection::vec(job, 1..14)
}

/// Every kernel at every lane count.
fn subjects() -> impl Iterator<Item = (Kernel, LaneCount)> {
    Kernel::available().flat_map(|kernel| LaneCount::all().map(move |count| (kernel, count)))
}

/// Any kernel with any number of the lanes.
fn subject() -> impl Strategy<Value = (Kernel, LaneCount)> {
    prop::sample::select(subjects().collect::<Vec<_>>())
}

/// Plays the jobs through, in the order in which they are given.
fn play(kernel: Kernel, count: LaneCount, jobs: &[Job]) -> Vec<Option<Outcome>> {
    let mut lanes = Lanes::new(kernel, count);
    let mut outcomes: Vec<Option<Outcome>> = jobs.iter().map(|_| None).collect();
    let mut joined = BTreeMap::new();
    for now in 0.. {
        for (ticket, job) in jobs.iter().enumerate() {
            if job.arrives <= now && !joined.contains_key(&ticket) {
                match lanes.join_padded(&job.password, &job.salt, job.cost, job.padded_to, ticket) {
                    Ok(()) => drop(joined.insert(ticket, now)),
                    Err(refused) => assert!(lanes.is_full() && refused.ticket == ticket),
                }
            }
        }
        for ticket in lanes.cancel(|ticket| now - joined[ticket] >= jobs[*ticket].patience) {
            let gone = Outcome { joined: joined[&ticket], left: now, digest: None };
            assert_eq!(outcomes[ticket].replace(gone), None);
        }
        for (ticket, digest) in lanes.step() {
            let done = Outcome { joined: joined[&ticket], left: now + 1, digest: Some(digest) };
            assert_eq!(outcomes[ticket].replace(done), None);
        }
        if joined.len() == jobs.len() && lanes.is_empty() {
            break;
        }
    }
    outcomes
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    #[cfg_attr(miri, ignore = "whole hashes: Miri has the single steps of `src/lanes.rs`")]
    fn whoever_joins_and_leaves_meanwhile_every_digest_is_right(jobs in jobs()) {
        let digests: Vec<_> =
            jobs.iter().map(|job| expected(&job.password, job.salt, job.cost)).collect();
        for (kernel, count) in subjects() {
            for ((job, digest), outcome) in
                jobs.iter().zip(&digests).zip(play(kernel, count, &jobs))
            {
                let Some(Outcome { joined, left, digest: got }) = outcome else {
                    return Err(TestCaseError::fail("a job was lost"));
                };
                let steps = job.cost.max(job.padded_to).iterations();
                let cancelled = steps > job.patience;
                prop_assert_eq!(left - joined, steps.min(job.patience));
                prop_assert_eq!(got, (!cancelled).then_some(*digest), "{} {:?}", kernel, count);
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    #[cfg_attr(miri, ignore = "whole hashes: Miri has the single steps of `src/lanes.rs`")]
    fn whatever_kernel_and_however_many_lanes_take_the_next_step_every_digest_is_right(
        jobs in prop::collection::vec((passwords(), uniform16(any::<u8>()), costs()), 1..=6),
        settings in prop::collection::vec(subject(), 1..200),
    ) {
        let mut lanes = Lanes::new(settings[0].0, LaneCount::MAX);
        for (ticket, (password, salt, cost)) in jobs.iter().enumerate() {
            prop_assert!(lanes.join(password, salt, *cost, ticket).is_ok());
        }
        let mut done = 0;
        for (kernel, most) in settings.iter().cycle() {
            lanes.set_kernel(*kernel);
            for (ticket, digest) in lanes.step_first(most.get()) {
                let (password, salt, cost) = &jobs[ticket];
                prop_assert_eq!(digest, expected(password, *salt, *cost), "{} {:?}", kernel, most);
                done += 1;
            }
            if lanes.is_empty() {
                break;
            }
        }
        prop_assert_eq!(done, jobs.len());
    }
}
