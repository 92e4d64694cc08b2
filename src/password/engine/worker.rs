//! The worker threads: each holds several jobs in lanes and advances all of them, a step at a time.

use std::{
    mem,
    sync::{Arc, PoisonError},
    thread,
    time::{Duration, Instant},
};

use bcrypt_lanes::{LaneCount, Lanes};
use tokio::sync::oneshot;

use super::{
    admission::retry_after,
    choice::Setting,
    figures::Reason,
    job::{Digest, Done, Error, Job, Waiting},
    kernel::{KernelChoice, checked},
    plan::Plan,
    priority, processor_time,
    shared::{Shared, State},
};

/// Steps between two checks of the clock, of callers that have gone and of other threads that want the core: half a
/// millisecond with all lanes in use.
const STEPS_A_TURN: u32 = 8;

/// The shortest sleep: the kernel makes it some 60 µs (timer slack).
const REST: Duration = Duration::from_nanos(1);

/// The state of a job in a lane.
struct Running {
    begun: Instant,
    deadline: Instant,
    answer: oneshot::Sender<Result<Done, Error>>,
}

/// Starts one thread.
pub(super) fn start(
    shared: &Arc<Shared>,
    number: usize,
    choice: KernelChoice,
    lanes: Option<LaneCount>,
) -> std::io::Result<()> {
    let shared = Arc::clone(shared);
    let body = move || {
        priority::lower();
        let _end = End { shared: &shared, number };
        let plan = shared.plan.get_or_init(|| {
            let plan = Plan::measured(&checked(choice), lanes, shared.workers);
            shared.figures.setting(plan.in_force());
            plan
        });
        sustainable(&shared, plan);
        match plan.in_force().kernel {
            Some(kernel) => run_lanes(&shared, plan, number, Lanes::new(kernel, LaneCount::MAX)),
            None => run_crate(&shared, plan, number),
        }
    };
    thread::Builder::new().name(format!("password-{number}")).spawn(body).map(drop)
}

/// The end of a thread, also by a panic: the others must not wait for this one to take its share.
struct End<'a> {
    shared: &'a Shared,
    number: usize,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!(number = self.number, "a hashing thread has died");
            self.shared.lock().occupied[self.number] = LaneCount::MAX.get();
        }
    }
}

fn run_lanes(shared: &Shared, plan: &Plan, number: usize, mut lanes: Lanes<Running>) {
    while fill(shared, plan, number, &mut lanes) {
        turn(shared, plan, &mut lanes);
        for gone in lanes.cancel(|job| job.answer.is_closed()) {
            // A caller who waited to the deadline was admitted on a wrong estimate; others just left.
            let late = Instant::now() >= gone.deadline;
            shared.figures.refused(if late { Reason::Deadline } else { Reason::Gone });
        }
    }
}

/// Some steps of the lanes that the setting of the moment runs. A lane that is free is filled before the next step.
fn turn(shared: &Shared, plan: &Plan, lanes: &mut Lanes<Running>) {
    let setting = plan.now();
    if let Some(kernel) = setting.kernel {
        lanes.set_kernel(kernel);
    }
    let (occupied, most) = (lanes.len(), setting.lanes.get());
    let (begun, used) = (Instant::now(), processor_time::used());
    let mut steps = 0;
    while steps < STEPS_A_TURN && lanes.len() == occupied {
        steps += 1;
        for (job, digest) in lanes.step_first(most) {
            finish(shared, job, digest);
        }
    }
    let used = processor_time::used().saturating_sub(used);
    // Before the clock is read: what others get of the core is time that the jobs take.
    give_way(shared.disk_is_busy());
    plan.pace(setting).learn(occupied.min(most), steps, begun.elapsed());
    let is_whole = occupied >= most && steps == STEPS_A_TURN;
    if let Some(changed) = plan.learn(setting, is_whole.then(|| used / steps)) {
        shared.figures.setting(changed);
    }
    if is_whole {
        sustainable(shared, plan);
    }
}

/// Gives the core to threads that want it now. Without that they would get it at the kernel's next tick, up to ten
/// milliseconds later.
///
/// A yield reaches the threads of this process, which the nice value puts first. The kernel's own threads, which serve the
/// disk, are in another scheduling group: they only get an idle core, so sleep for them (ADR 19).
fn give_way(disk_is_busy: bool) {
    if disk_is_busy {
        #[expect(clippy::disallowed_methods, reason = "no task runs on this thread")]
        thread::sleep(REST);
    } else {
        thread::yield_now();
    }
}

/// Publishes the throughput of all lanes.
fn sustainable(shared: &Shared, plan: &Plan) {
    let setting = plan.in_force();
    let pace = plan.pace(setting);
    shared.figures.sustainable(pace.all_lanes(shared.usual_steps, setting.lanes, shared.workers));
}

/// Fills free lanes; blocks while there is no work. False once the engine shuts down.
fn fill(shared: &Shared, plan: &Plan, number: usize, lanes: &mut Lanes<Running>) -> bool {
    loop {
        let Some(taken) = take(shared, number, lanes.len(), plan.capacity()) else { return false };
        // The lock is not held here: setting a key up takes a while.
        let occupied = lanes.len() + taken.len();
        for waiting in taken {
            if let Some(waiting) = still_wanted(shared, plan, occupied, waiting) {
                join(shared, lanes, waiting);
            }
        }
        if !lanes.is_empty() {
            return true;
        }
    }
}

/// Takes jobs for free lanes, as many as are this thread's share; blocks for one while no lane is in use. `None` once the
/// engine shuts down.
fn take(shared: &Shared, number: usize, running: usize, capacity: usize) -> Option<Vec<Waiting>> {
    let (mut state, mut taken) = (shared.lock(), Vec::new());
    loop {
        occupy(shared, &mut state, number, running);
        while state.occupied[number] < capacity && is_next(&state, number) {
            let Some(waiting) = state.queue.pop() else { break };
            taken.push(waiting);
            occupy(shared, &mut state, number, running + taken.len());
        }
        shared.figures.queue(state.queue.len());
        if running > 0 || !taken.is_empty() {
            return Some(taken);
        }
        if state.closed {
            return None;
        }
        state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

fn occupy(shared: &Shared, state: &mut State, number: usize, lanes: usize) {
    state.occupied[number] = lanes;
    shared.figures.lanes(state.occupied.iter().sum());
}

/// Whether no other thread has fewer jobs: two jobs on two idle threads run in parallel.
fn is_next(state: &State, number: usize) -> bool {
    state.occupied.iter().all(|other| *other >= state.occupied[number])
}

/// The job, if its caller still waits and its deadline can be met beside `occupied` lanes, its own among them.
fn still_wanted(
    shared: &Shared,
    plan: &Plan,
    occupied: usize,
    waiting: Waiting,
) -> Option<Waiting> {
    let now = Instant::now();
    if waiting.answer.is_closed() {
        shared.figures.refused(Reason::Gone);
        return None;
    }
    let takes = plan.pace(plan.in_force()).job(waiting.job.steps(), occupied);
    let takes = shared.dearest.of(takes);
    if now + takes > waiting.deadline {
        shared.figures.refused(Reason::Deadline);
        waiting.refuse(retry_after(takes));
        return None;
    }
    shared.figures.begun(now - waiting.since);
    Some(waiting)
}

fn join(shared: &Shared, lanes: &mut Lanes<Running>, mut waiting: Waiting) {
    let key = mem::take(&mut waiting.job.key);
    begin_beside(shared, &mut waiting);
    let begun = Instant::now();
    let running = Running { begun, deadline: waiting.deadline, answer: waiting.answer };
    let Job { salt, cost, padded_to, .. } = &waiting.job;
    let joined = lanes.join_padded(&key, salt, *cost, *padded_to, running);
    if let Err(refused) = joined {
        // Unreachable: a lane was free, and no key is longer than bcrypt takes.
        shared.figures.refused(Reason::Broken);
        let _gone = refused.ticket.answer.send(Err(Error::Broken));
    }
}

/// Begins the check of another system's hash that belongs to the job.
fn begin_beside(shared: &Shared, waiting: &mut Waiting) {
    if let Some(beside) = waiting.beside.take() {
        shared.besides.push(beside, waiting.deadline);
    }
}

fn finish(shared: &Shared, job: Running, digest: Digest) {
    let (begun, ended) = (job.begun, Instant::now());
    shared.figures.done(ended > job.deadline);
    // The caller may have gone.
    let _gone = job.answer.send(Ok(Done { digest, begun, ended }));
}

/// The same with the bcrypt crate: one job at a time.
fn run_crate(shared: &Shared, plan: &Plan, number: usize) {
    while let Some(taken) = take(shared, number, 0, 1) {
        let wanted = taken.into_iter().filter_map(|one| still_wanted(shared, plan, 1, one));
        for mut waiting in wanted {
            begin_beside(shared, &mut waiting);
            let Waiting { mut job, deadline, answer, .. } = waiting;
            let begun = Instant::now();
            if job.key.len() < bcrypt_lanes::MAX_PASSWORD_BYTES {
                job.key.push(0);
            }
            let digest = bcrypt::bcrypt(job.cost.get(), job.salt, &job.key);
            // The work of the costs between adds up to the difference.
            for cost in job.cost.get()..job.padded_to.get() {
                std::hint::black_box(bcrypt::bcrypt(cost, job.salt, &job.key));
            }
            let steps = u32::try_from(job.steps()).unwrap_or(u32::MAX);
            plan.pace(Setting::CRATE).learn(1, steps, begun.elapsed());
            finish(shared, Running { begun, deadline, answer }, digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Voluntary context switches of this thread: a sleep counts, a yield does not (`proc(5)`).
    #[cfg(target_os = "linux")]
    fn left_the_core() -> u64 {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.unwrap().trim().parse().unwrap()
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_turn_ends_with_a_rest_while_the_disk_is_busy_and_with_a_yield_otherwise() {
        let before = left_the_core();
        (0..100).for_each(|_| give_way(true));
        let rested = left_the_core();
        // A timer may have ended before the thread was off its core.
        assert!(rested - before > 50, "{before} {rested}");
        (0..100).for_each(|_| give_way(false));
        let yielded = left_the_core();
        assert!(yielded - rested < 10, "{rested} {yielded}");
    }
}
