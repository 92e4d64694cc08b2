//! Criterion's view of the bcrypt crate, every kernel and every lane count: the throughput of one core, in hashes.

mod subject;

use std::time::Duration;

use bcrypt_lanes::Cost;
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use subject::Subject;

fn kernels(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cost 4");
    group.sample_size(20).sampling_mode(SamplingMode::Flat);
    group
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1));
    for subject in Subject::all() {
        group.throughput(Throughput::Elements(subject.hashes() as u64));
        group.bench_function(subject.to_string(), |bench| {
            bench.iter(|| subject.run(Cost::MIN))
        });
    }
    group.finish();
}

criterion_group!(benches, kernels);
criterion_main!(benches);
