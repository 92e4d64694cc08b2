//! The engine from its callers' side.

use std::{
    future::Future,
    net::IpAddr,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use bcrypt_lanes::{Cost, LaneCount};
use futures_util::{future::join_all, poll};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{choice::Setting, figures::Reason, *};

fn settings() -> Settings {
    let kernel = KernelChoice::Auto;
    Settings { cost: 4, threads: 2, queue: 1000, kernel, lanes: None, memory: 1 << 28 }
}

fn engine(change: impl FnOnce(&mut Settings)) -> Engine {
    let mut settings = settings();
    change(&mut settings);
    Engine::start(settings).unwrap()
}

fn job(cost: u32) -> Job {
    Job {
        key: Zeroizing::new(b"secret".to_vec()),
        salt: [7; 16],
        cost: Cost::try_from(cost).unwrap(),
        padded_to: Cost::MIN,
    }
}

fn patient() -> Context {
    Context::of_operator(Instant::now() + Duration::from_secs(3600), Uuid::nil().into())
}

/// Waits for `work`, with a time limit: what hangs fails. It is far beyond what a busy machine takes.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(120), work).await.expect("it takes too long")
}

/// Polls until `is_so`.
async fn until(is_so: impl Fn() -> bool) {
    soon(async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Waits until the plan, which all workers share, is made and nothing runs. A worker that has not come up yet takes its
/// jobs when it has.
async fn idle(engine: &Engine) {
    soon(engine.run(job(4), &patient())).await.unwrap();
    assert!(engine.shared.plan.get().is_some(), "no job is done before");
    until(|| engine.figures().lanes_in_use() == 0).await;
}

#[tokio::test]
async fn each_kernel_gives_what_bcrypt_gives() {
    for kernel in
        [KernelChoice::Auto, KernelChoice::Bmi, KernelChoice::Portable, KernelChoice::Crate]
    {
        let engine = engine(|settings| settings.kernel = kernel);
        let jobs = (0..40_u8).map(|number| {
            let key = vec![b'a' + number % 26; usize::from(number * 2).min(72)];
            Job {
                key: Zeroizing::new(key),
                salt: [number; 16],
                cost: Cost::try_from(4 + u32::from(number % 3)).unwrap(),
                padded_to: Cost::try_from(4 + u32::from(number % 4)).unwrap(),
            }
        });
        let expected: Vec<_> = jobs
            .clone()
            .map(|job| {
                let mut key = job.key.to_vec();
                if key.len() < 72 {
                    key.push(0);
                }
                bcrypt::bcrypt(job.cost.get(), job.salt, &key)
            })
            .collect();
        let digests = soon(join_all(jobs.map(|job| engine.run(job, &patient())))).await;
        let digests: Vec<_> = digests.into_iter().map(Result::unwrap).collect();
        assert_eq!(digests, expected, "{kernel:?}");
        assert_eq!(engine.figures().done_and_late(), (40, 0));
    }
}

/// All lanes of a thread are in use for long enough that it tries settings and changes them, from the worst on.
#[tokio::test]
async fn digests_are_right_while_kernel_and_lanes_change_under_the_jobs() {
    let engine = engine(|settings| settings.threads = 1);
    idle(&engine).await;
    let plan = engine.shared.plan.get().unwrap();
    let kernels = kernel::checked(KernelChoice::Auto);
    plan.begin_again(Setting { kernel: Some(kernels[0]), lanes: LaneCount::MIN }, &kernels);
    let salts = (0..20_u8).map(|number| [number; 16]);
    let expected: Vec<_> =
        salts.clone().map(|salt| Ok(bcrypt::bcrypt(8, salt, b"secret\0"))).collect();
    while plan.in_force().lanes.get() < 3 {
        let jobs = (0..2).flat_map(|_| salts.clone().map(|salt| Job { salt, ..job(8) }));
        let digests = soon(join_all(jobs.map(|job| engine.run(job, &patient())))).await;
        assert!(digests.chunks(expected.len()).all(|digests| digests == expected));
    }
}

#[tokio::test]
async fn a_padded_job_takes_as_long_as_a_dear_one() {
    let engine = engine(|_| {});
    idle(&engine).await;
    let padded = Job { padded_to: Cost::try_from(16).unwrap(), ..job(4) };
    let mut padded = pin!(engine.run(padded, &patient()));
    assert!(poll!(&mut padded).is_pending());
    until(|| engine.figures().lanes_in_use() == 1).await;
    // Sixteen times the work that the padded one would be by itself.
    soon(engine.run(job(8), &patient())).await.unwrap();
    assert!(poll!(&mut padded).is_pending());
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_says_when_to_come_back() {
    let engine = engine(|settings| settings.queue = 0);
    let Err(Error::Overloaded { retry_after }) = engine.run(job(4), &patient()).await else {
        panic!("not refused")
    };
    assert!(retry_after >= Duration::from_millis(100), "{retry_after:?}");
    assert_eq!(engine.figures().refusals(Reason::QueueFull), 1);
}

#[tokio::test]
async fn a_deadline_that_cannot_be_met_is_refused_before_any_work() {
    let engine = engine(|_| {});
    idle(&engine).await;
    let soon = Context { deadline: Instant::now() + Duration::from_millis(50), ..patient() };
    // The job takes seconds.
    assert!(matches!(engine.run(job(16), &soon).await, Err(Error::Overloaded { .. })));
    assert_eq!(engine.figures().refusals(Reason::Deadline), 1);
    assert_eq!(engine.figures().done_and_late(), (1, 0));
}

#[tokio::test]
async fn an_estimate_supposes_that_the_jobs_in_the_lanes_have_just_begun() {
    let engine =
        engine(|settings| (settings.threads, settings.lanes) = (1, LaneCount::try_from(1).ok()));
    idle(&engine).await;
    let mut running = pin!(engine.run(job(16), &patient()));
    assert!(poll!(&mut running).is_pending());
    while engine.figures().lanes_in_use() < 1 {
        tokio::task::yield_now().await;
    }
    let (wait, takes) =
        engine.shared.estimate(&engine.shared.lock(), Source::from(None), job(16).steps());
    assert!(takes > Duration::ZERO && wait >= takes, "{wait:?}, {takes:?}");
}

#[tokio::test]
async fn callers_that_go_away_leave_nothing_behind() {
    let engine = engine(|_| {});
    idle(&engine).await;
    {
        // Far more jobs than lanes; each takes seconds.
        let mut jobs: Vec<_> =
            (0..100).map(|_| Box::pin(engine.run(job(16), &patient()))).collect();
        for job in &mut jobs {
            assert!(matches!(poll!(job), Poll::Pending));
        }
        until(|| engine.figures().queue_length() < 100).await;
    }
    until(|| engine.figures().queue_length() == 0 && engine.figures().lanes_in_use() == 0).await;
    assert_eq!(engine.figures().refusals(Reason::Gone), 100);
    assert_eq!(engine.figures().done_and_late(), (1, 0), "none of them was hashed");
    assert_eq!(engine.shared.lock().queue.len(), 0);
}

#[tokio::test]
async fn two_jobs_run_on_two_threads() {
    let engine = engine(|_| {});
    idle(&engine).await;
    let (mut first, mut second) =
        (pin!(engine.run(job(16), &patient())), pin!(engine.run(job(16), &patient())));
    assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
    until(|| engine.figures().lanes_in_use() == 2).await;
    assert_eq!(engine.shared.lock().occupied, [1, 1]);
}

#[tokio::test]
async fn a_flood_from_one_address_makes_room_for_another() {
    let lanes = LaneCount::try_from(5).unwrap();
    let engine = engine(|settings| {
        (settings.threads, settings.queue, settings.lanes) = (1, 10, Some(lanes));
    });
    idle(&engine).await;
    let from = |last: u8| Context { address: Some(IpAddr::from([10, 0, 0, last])), ..patient() };
    let waiting = async |number: usize| {
        let mut jobs: Vec<_> =
            (0..number).map(|_| Box::pin(engine.run(job(16), &from(1)))).collect();
        for job in &mut jobs {
            assert!(poll!(job).is_pending(), "there was room");
        }
        jobs
    };
    // With the lanes full for seconds, no worker takes a job out of the queue meanwhile.
    let in_lanes = waiting(lanes.get()).await;
    until(|| engine.shared.lock().occupied == [lanes.get()]).await;
    let in_queue = waiting(10).await;
    assert!(matches!(engine.run(job(16), &from(1)).await, Err(Error::Overloaded { .. })));
    let mut other = pin!(engine.run(job(4), &from(2)));
    assert!(poll!(&mut other).is_pending(), "it was let in");
    assert_eq!(engine.figures().refusals(Reason::Unfair), 1);
    drop((in_lanes, in_queue));
    assert!(soon(other).await.is_ok());
}

#[tokio::test]
async fn a_job_that_is_announced_has_its_room_until_it_comes_or_does_not() {
    let engine = engine(|settings| settings.queue = 2);
    let first = engine.announce(&patient(), 0).unwrap();
    let _second = engine.announce(&patient(), 0).unwrap();
    assert!(matches!(engine.announce(&patient(), 0), Err(Error::Overloaded { .. })));
    drop(first);
    assert!(engine.announce(&patient(), 0).is_ok());
}

#[tokio::test]
async fn who_has_to_wait_for_others_first_needs_the_time_of_all() {
    let engine = engine(|settings| settings.cost = 16);
    idle(&engine).await;
    let (wait, takes) =
        engine.shared.estimate(&engine.shared.lock(), Source::from(None), job(16).steps());
    let within = |times: u32| {
        let deadline = Instant::now() + (wait + takes) * times + takes / 2;
        Context { deadline, ..patient() }
    };
    for (rounds, needs) in [(1, 2), (2, 4), (8, 11)] {
        assert!(engine.announce(&within(needs), rounds).is_ok(), "{rounds}");
        assert!(engine.announce(&within(needs - 2), rounds).is_err(), "{rounds}");
    }
    assert!(engine.announce(&patient(), u32::MAX).is_err());
}

#[tokio::test]
async fn who_has_to_wait_for_others_first_needs_a_quarter_of_the_queue() {
    let engine = engine(|settings| settings.queue = 8);
    let held: Vec<_> = (0..5).map(|_| engine.announce(&patient(), 0).unwrap()).collect();
    assert!(engine.announce(&patient(), 1).is_ok());
    let _sixth = engine.announce(&patient(), 0).unwrap();
    assert!(engine.announce(&patient(), 1).is_err());
    assert!(engine.announce(&patient(), 0).is_ok());
    drop(held);
    assert!(engine.announce(&patient(), 1).is_ok());
}

/// A check that ends when it is told so, and how many of them run.
#[derive(Clone, Default)]
struct Checks {
    running: Arc<std::sync::atomic::AtomicUsize>,
    ending: Arc<(Mutex<usize>, Condvar)>,
}

impl Checks {
    fn check(&self, memory: u64) -> ForeignCheck {
        use std::sync::atomic::Ordering::SeqCst;
        let of = self.clone();
        let run = move || {
            of.running.fetch_add(1, SeqCst);
            let (may_end, changed) = &*of.ending;
            let mut may_end = changed.wait_while(may_end.lock().unwrap(), |n| *n == 0).unwrap();
            *may_end -= 1;
            of.running.fetch_sub(1, SeqCst);
            true
        };
        ForeignCheck { memory, run: Box::new(run) }
    }

    fn running(&self) -> usize {
        self.running.load(std::sync::atomic::Ordering::SeqCst)
    }

    fn end_one(&self) {
        *self.ending.0.lock().unwrap() += 1;
        self.ending.1.notify_one();
    }
}

#[tokio::test]
async fn memory_hard_checks_run_only_while_their_memory_is_within_the_bound() {
    let (engine, checks) = (engine(|settings| settings.memory = 100), Checks::default());
    let (caller, mut ended) = (patient(), 0);
    let mut all = pin!(join_all((0..3).map(|_| engine.check(job(4), checks.check(60), &caller))));
    while ended < 3 {
        assert!(poll!(all.as_mut()).is_pending());
        until(|| checks.running() == 1).await;
        // The bcrypts are done; a second check would have begun by now, on the other thread.
        until(|| engine.figures().done_and_late().0 == 3).await;
        assert_eq!(checks.running(), 1);
        checks.end_one();
        ended += 1;
        if ended < 3 {
            until(|| engine.shared.besides.begun() == ended + 1).await;
        }
    }
    assert!(soon(all).await.into_iter().all(|checked| checked == Ok(true)));
}

#[tokio::test]
async fn two_that_fit_run_side_by_side() {
    let (engine, checks) = (engine(|settings| settings.memory = 100), Checks::default());
    let caller = patient();
    let mut both = pin!(join_all((0..2).map(|_| engine.check(job(4), checks.check(50), &caller))));
    assert!(poll!(both.as_mut()).is_pending());
    until(|| checks.running() == 2).await;
    (0..2).for_each(|_| checks.end_one());
    assert!(soon(both).await.into_iter().all(|checked| checked == Ok(true)));
}

#[tokio::test]
async fn a_check_that_never_fits_is_refused_after_the_work_of_any_other_and_never_begins() {
    let (engine, checks) = (engine(|settings| settings.memory = 100), Checks::default());
    let refused = soon(engine.check(job(4), checks.check(101), &patient())).await;
    assert!(matches!(refused, Err(Error::Overloaded { .. })), "{refused:?}");
    assert_eq!(engine.figures().refusals(Reason::Memory), 1);
    assert_eq!((engine.figures().done_and_late().0, checks.running()), (1, 0));
}

#[tokio::test]
async fn a_check_that_waits_for_memory_ends_at_its_deadline_and_frees_the_line() {
    let (engine, checks) = (engine(|settings| settings.memory = 100), Checks::default());
    idle(&engine).await;
    let (patient, hurried) =
        (patient(), Context { deadline: Instant::now() + Duration::from_millis(300), ..patient() });
    let mut first = pin!(engine.check(job(4), checks.check(100), &patient));
    assert!(poll!(first.as_mut()).is_pending());
    until(|| checks.running() == 1).await;
    let late = soon(engine.check(job(4), checks.check(1), &hurried)).await;
    assert!(matches!(late, Err(Error::Overloaded { .. })), "{late:?}");
    checks.end_one();
    assert_eq!(soon(first).await, Ok(true));
}

#[tokio::test]
async fn a_check_that_panics_fails_alone() {
    let engine = engine(|settings| settings.threads = 1);
    let panics = ForeignCheck { memory: 1, run: Box::new(|| panic!("a defect of a library")) };
    assert_eq!(soon(engine.check(job(4), panics, &patient())).await, Err(Error::Broken));
    let works = ForeignCheck { memory: 1 << 28, run: Box::new(|| true) };
    assert_eq!(
        soon(engine.check(job(4), works, &patient())).await,
        Ok(true),
        "and its memory is free"
    );
}

#[tokio::test]
async fn a_check_takes_as_long_as_the_dearest_of_late_whatever_it_finds() {
    let engine = engine(|_| ());
    idle(&engine).await;
    engine.shared.dearest.learn(Duration::from_millis(1), Duration::from_secs(1));
    let took = async |right: bool| {
        let begun = Instant::now();
        assert_eq!(soon(engine.compare(job(8), move |_| right, &patient())).await, Ok(right));
        begun.elapsed()
    };
    let (failed, succeeded) = (took(false).await, took(true).await);
    // A thousand times as long as the bcrypt, but two seconds more at the most.
    for took in [failed, succeeded] {
        assert!(took >= Duration::from_secs(2), "{took:?}");
    }
}
