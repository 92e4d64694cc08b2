//! The choice, on machines that are made up.

use super::*;
use crate::password::engine::plan::settings;

const THREADS: usize = 2;

fn setting(lanes: usize) -> Setting {
    Setting { kernel: Some(Kernel::Portable), lanes: LaneCount::try_from(lanes).unwrap() }
}

fn choice(first: usize) -> Choice {
    Choice::new(setting(first), settings(&[Kernel::Portable]), THREADS)
}

/// A step of one lane, in nanoseconds, by the number of lanes.
type Costs = [u64; 6];

/// A machine to itself: the more lanes, the better, and the sixth gains nothing.
const QUIET: Costs = [45_000, 24_000, 17_000, 14_500, 13_000, 12_900];

/// Two threads share a cache that holds seven lanes.
const SHARED: Costs = [45_000, 24_000, 17_000, 19_000, 23_000, 27_000];

/// What became of a choice.
#[derive(Debug, Default)]
struct Run {
    /// The settings in force, each once in its turn.
    changes: Vec<usize>,
    turns: usize,
    /// Turns with another setting than the one in force.
    tried: usize,
}

/// A number that looks like chance and is the same in every run (splitmix64).
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// So many turns of all threads. A disturbance makes each cost up to `noise` percent higher.
fn run(
    choice: &mut Choice,
    turns: usize,
    noise: u64,
    cost: impl Fn(Setting) -> Option<u64>,
) -> Run {
    let mut run = Run::default();
    for turn in 0..turns {
        let now = choice.now();
        run.turns += 1;
        run.tried += usize::from(now != choice.in_force());
        let disturbed = 1000 + mixed(turn as u64) % (10 * noise + 1);
        let lanes = now.lanes.get() as u64;
        let step = cost(now).map(|nanos| Duration::from_nanos(lanes * nanos * disturbed / 1000));
        if choice.learn(now, step) {
            run.changes.push(choice.in_force().lanes.get());
        }
    }
    run
}

fn on(costs: &Costs) -> impl Fn(Setting) -> Option<u64> + '_ {
    |setting| Some(costs[setting.lanes.get() - 1])
}

#[test]
fn a_bad_beginning_is_mended_lane_by_lane() {
    let mut choice = choice(1);
    let run = run(&mut choice, 40_000, 0, on(&QUIET));
    assert_eq!(run.changes, [2, 3, 4, 5]);
}

#[test]
fn a_neighbour_that_comes_changes_the_setting_and_one_that_goes_changes_it_back() {
    let mut choice = choice(5);
    assert_eq!(run(&mut choice, 40_000, 10, on(&QUIET)).changes, [0; 0]);
    assert_eq!(run(&mut choice, 40_000, 10, on(&SHARED)).changes, [4, 3]);
    assert_eq!(run(&mut choice, 40_000, 10, on(&QUIET)).changes, [4, 5]);
}

#[test]
fn what_differs_by_less_than_three_percent_stays_as_it_is() {
    let (mut fewer, mut more) = (choice(5), choice(6));
    let sixth_gains: Costs = [45_000, 24_000, 17_000, 14_500, 13_000, 12_740];
    assert_eq!(run(&mut fewer, 100_000, 3, on(&sixth_gains)).changes, [0; 0]);
    let sixth_loses: Costs = [45_000, 24_000, 17_000, 14_500, 13_000, 13_260];
    assert_eq!(run(&mut more, 100_000, 3, on(&sixth_loses)).changes, [0; 0]);
}

#[test]
fn a_busy_machine_does_not_make_it_flap() {
    let mut choice = choice(5);
    let alike: Costs = [45_000, 24_000, 17_000, 14_500, 13_000, 13_000];
    assert_eq!(run(&mut choice, 400_000, 20, on(&alike)).changes, [0; 0]);
}

#[test]
fn one_accident_changes_nothing() {
    let mut choice = choice(5);
    let once = (BETWEEN + TRIAL) * THREADS;
    assert_eq!(run(&mut choice, once, 0, on(&SHARED)).changes, [0; 0]);
    assert_eq!(choice.wins, 1);
    assert_eq!(run(&mut choice, 40_000, 0, on(&QUIET)).changes, [0; 0]);
}

#[test]
fn trials_take_three_percent_of_the_turns() {
    let mut choice = choice(5);
    let run = run(&mut choice, 100_000, 0, on(&QUIET));
    let part = run.tried as f64 / run.turns as f64;
    assert!((0.025..0.035).contains(&part), "{part}");
}

#[test]
fn a_slow_minute_of_the_whole_machine_changes_nothing() {
    let mut choice = choice(5);
    let turns = std::cell::Cell::new(0_u64);
    // Twice as slow for a while that is no multiple of a trial's windows.
    let drifting = |setting: Setting| {
        turns.set(turns.get() + 1);
        Some(QUIET[setting.lanes.get() - 1] * (1 + turns.get() / 777 % 2))
    };
    assert_eq!(run(&mut choice, 100_000, 5, drifting).changes, [0; 0]);
}

#[test]
fn without_full_lanes_nothing_is_tried_and_a_trial_that_has_begun_ends_undecided() {
    let mut choice = choice(5);
    assert_eq!(run(&mut choice, 100_000, 0, |_| None).tried, 0);
    // Fewer lanes would win, but the load ends with the trial's first turns.
    let full = BETWEEN * THREADS + 2 * WINDOW * THREADS;
    assert_eq!(run(&mut choice, full, 0, on(&SHARED)).changes, [0; 0]);
    assert!(choice.trial.is_some());
    assert_eq!(run(&mut choice, TRIAL * THREADS, 0, |_| None).changes, [0; 0]);
    assert!(choice.trial.is_none() && choice.wins == 0 && choice.now() == setting(5));
}

#[test]
fn a_trial_of_more_lanes_has_them_filled_and_one_of_fewer_leaves_all_in_use() {
    let (mut choice, mut seen) = (choice(5), std::collections::BTreeSet::new());
    for _ in 0..10_000 {
        let now = choice.now();
        assert!(choice.capacity() >= now.lanes.get());
        seen.insert((now.lanes.get(), choice.capacity()));
        choice.learn(now, Some(Duration::from_micros(60)));
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [(4, 5), (5, 5), (5, 6), (6, 6)]);
}

#[test]
fn another_kernel_is_tried_with_the_same_lanes() {
    let kernels: Vec<_> = Kernel::available().collect();
    let (Some(preferred), Some(other)) = (kernels.last(), kernels.first()) else { return };
    if preferred == other {
        return;
    }
    let of = |kernel: Kernel| Setting { kernel: Some(kernel), ..setting(4) };
    let mut choice = Choice::new(of(*other), vec![of(*other), of(*preferred)], THREADS);
    let dearer = |setting: Setting| Some(if setting == of(*preferred) { 14_000 } else { 18_000 });
    run(&mut choice, 4 * (BETWEEN + TRIAL) * THREADS, 10, dearer);
    assert_eq!(choice.in_force(), of(*preferred));
}
