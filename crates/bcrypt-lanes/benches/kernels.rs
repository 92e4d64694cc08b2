//! Criterion's view of the bcrypt crate, every kernel and every lane count: the time of one core per hash.

mod subject;

use std::time::{Duration, Instant};

use bcrypt_lanes::Cost;
use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use subject::Subject;

fn kernels(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("per hash at cost 4");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(500));
    for subject in Subject::all() {
        group.bench_function(subject.to_string(), |bench| {
            bench.iter_custom(|times| time_per_hash(subject, times));
        });
    }
    group.finish();
}

fn time_per_hash(subject: Subject, times: u64) -> Duration {
    let start = Instant::now();
    for _ in 0..times {
        subject.run(Cost::MIN);
    }
    start.elapsed().div_f64(subject.hashes() as f64)
}

criterion_group!(benches, kernels);
criterion_main!(benches);
