//! The choice of kernel and lanes, made anew while hashing goes on.
//!
//! What is best depends on the neighbours: two hardware threads of a core share its first-level cache, and a virtual
//! processor may be one of them. Nothing tells, so it is tried. Now and then, while all lanes are in use, all threads
//! try a neighbour of the setting in force: another kernel, or one lane more or less. The two take turns within
//! milliseconds, so that whatever else the machine does hits both alike, and their medians are compared. Only a clear
//! gain, three times in a row, changes the setting (hysteresis).
//!
//! Pure: it is told what turns cost, and says what to run. Results never depend on it.

use std::time::Duration;

use bcrypt_lanes::{Kernel, LaneCount};

/// Turns of each thread with all lanes in use between two trials: a quarter of a second.
const BETWEEN: usize = 480;

/// Turns of each thread in a trial, half of them with the candidate: 3 % of all turns.
const TRIAL: usize = 32;

/// Turns of each thread before a trial goes on with the other setting.
const WINDOW: usize = 4;

/// A trial decides nothing in which fewer turns of each thread, on either side, had all their lanes in use.
const ENOUGH: usize = TRIAL / 4;

/// How many times dearer than the candidate the setting in force must be for the candidate to win. Less is noise, and not
/// worth the change.
const WORTH_A_CHANGE: f64 = 1.03;

/// Trials in a row that a candidate must win: on a busy machine one may be an accident.
const WINS: u32 = 3;

/// How threads run hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Setting {
    /// `None` is the bcrypt crate.
    pub(super) kernel: Option<Kernel>,
    pub(super) lanes: LaneCount,
}

impl Setting {
    pub(super) const CRATE: Self = Self { kernel: None, lanes: LaneCount::MIN };

    /// The kernel's name; `crate` is the bcrypt crate.
    pub(super) fn kernel_name(&self) -> &'static str {
        self.kernel.map_or("crate", Kernel::name)
    }

    /// What each lane costs of a step, in seconds.
    fn cost(&self, step: Duration) -> f64 {
        step.as_secs_f64() / self.lanes.get() as f64
    }
}

/// The setting in force, and what is being tried.
#[derive(Debug)]
pub(super) struct Choice {
    in_force: Setting,
    allowed: Vec<Setting>,
    threads: usize,
    /// Turns with all lanes in use since the last trial.
    turns: usize,
    /// Which neighbour is tried next.
    next: usize,
    /// The trials that it has won in a row.
    wins: u32,
    trial: Option<Trial>,
}

#[derive(Debug)]
struct Trial {
    candidate: Setting,
    turns: usize,
    /// What a step cost in each turn: in force, candidate.
    steps: [Vec<Duration>; 2],
}

impl Choice {
    /// Begins with a setting. Only those that are `allowed` are ever tried.
    pub(super) fn new(first: Setting, allowed: Vec<Setting>, threads: usize) -> Self {
        let threads = threads.max(1);
        Self { in_force: first, allowed, threads, turns: 0, next: 0, wins: 0, trial: None }
    }

    /// The setting that estimates go by.
    pub(super) fn in_force(&self) -> Setting {
        self.in_force
    }

    /// The setting of the next turn.
    pub(super) fn now(&self) -> Setting {
        match &self.trial {
            Some(trial) if trial.turns / (WINDOW * self.threads) % 2 == 1 => trial.candidate,
            _ => self.in_force,
        }
    }

    /// The lanes to fill: in a trial enough for both sides.
    pub(super) fn capacity(&self) -> usize {
        let tried = self.trial.as_ref().map_or(LaneCount::MIN, |trial| trial.candidate.lanes);
        self.in_force.lanes.max(tried).get()
    }

    /// Learns the processor time of a step in a turn with `setting`, or `None` where not all its lanes were in use.
    /// Whether the setting in force has changed.
    pub(super) fn learn(&mut self, setting: Setting, step: Option<Duration>) -> bool {
        let Some(trial) = &mut self.trial else {
            self.turns += usize::from(step.is_some());
            if self.turns >= BETWEEN * self.threads {
                self.begin_trial();
            }
            return false;
        };
        trial.turns += 1;
        trial.steps[usize::from(setting == trial.candidate)].extend(step);
        trial.turns >= TRIAL * self.threads && self.decide()
    }

    fn begin_trial(&mut self) {
        self.turns = 0;
        let neighbours: Vec<_> = self.neighbours().collect();
        let candidate = neighbours.get(self.next % neighbours.len().max(1)).copied();
        self.trial = candidate.map(|candidate| Trial {
            candidate,
            turns: 0,
            steps: [Vec::new(), Vec::new()],
        });
    }

    /// The allowed settings that differ by the kernel alone, or by one lane alone.
    fn neighbours(&self) -> impl Iterator<Item = Setting> {
        let Setting { kernel, lanes } = self.in_force;
        self.allowed.iter().copied().filter(move |other| {
            let distance = other.lanes.get().abs_diff(lanes.get());
            distance + usize::from(other.kernel != kernel) == 1
        })
    }

    /// Ends the trial. Whether the candidate is the setting in force from now on; if so, the next trial goes on in the
    /// same direction.
    fn decide(&mut self) -> bool {
        let Some(trial) = self.trial.take() else { return false };
        if !self.has_won(&trial) {
            (self.next, self.wins) = (self.next + 1, 0);
            return false;
        }
        self.wins += 1;
        if self.wins < WINS {
            return false;
        }
        (self.in_force, self.wins) = (trial.candidate, 0);
        true
    }

    fn has_won(&self, trial: &Trial) -> bool {
        let [in_force, tried] = trial.steps.each_ref();
        let is_enough = |steps: &[Duration]| steps.len() >= ENOUGH * self.threads;
        let gain = self.in_force.cost(median(in_force.clone()))
            / trial.candidate.cost(median(tried.clone()));
        is_enough(in_force) && is_enough(tried) && gain > WORTH_A_CHANGE
    }
}

/// The median; zero of nothing.
pub(super) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
#[path = "choice_tests.rs"]
mod tests;
