//! The result for programs: one JSON object.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    advice,
    rates::{
        COSTS, alone, bcrypt_crate, checked_rate, full_load, hash_time, part_of_one_core, rate,
    },
};
use crate::password::engine::{Calibration, Measurement, Row};

/// The cost at which kernels are compared.
const COST: u32 = advice::DEFAULT;

pub(super) fn of(calibration: &Calibration, target: Duration) -> Value {
    let full = full_load(calibration);
    let recommended = advice::recommend(full.step, target);
    let settings = advice::settings(calibration, recommended.cost);
    let settings: Map<_, _> =
        settings.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let check = &calibration.check;
    json!({
        "cores": calibration.cores,
        "kernel_cost": COST,
        "kernels": calibration.rows.iter().map(|row| kernel(calibration, row)).collect::<Vec<_>>(),
        "wrong_kernels": calibration.wrong,
        "best": name(&full),
        "auto": name(&calibration.auto.all_cores),
        "part_of_one_core": rounded(part_of_one_core(calibration)),
        "costs": COSTS.map(|number| cost(calibration, number)).collect::<Vec<_>>(),
        "check": {
            "hashes": check.hashes,
            "cost": check.cost,
            "took_ms": milliseconds(check.took),
            "logins_per_second": rounded(checked_rate(calibration, check.cost)),
            "estimated_logins_per_second": rounded(rate(&full, calibration.cores, check.cost)),
        },
        "recommendation": {
            "target_latency_ms": milliseconds(target),
            "in_time": recommended.in_time,
            "cost": recommended.cost,
            "full_load_latency_ms": milliseconds(recommended.latency),
            "logins_per_second": rounded(rate(&full, calibration.cores, recommended.cost)),
            "settings": settings,
        },
    })
}

fn kernel(calibration: &Calibration, row: &Row) -> Value {
    let (measured, cores) = (&row.one_core, calibration.cores);
    let ratio = measured.steps_a_second() / bcrypt_crate(calibration).steps_a_second();
    json!({
        "kernel": measured.kernel,
        "lanes": measured.lanes,
        "step_ns": nanoseconds(measured.step),
        "step_on_all_cores_ns": nanoseconds(row.all_cores.step),
        "hash_alone_ms": milliseconds(hash_time(alone(calibration, measured.kernel).step, COST)),
        "hash_in_full_lanes_ms": milliseconds(hash_time(measured.step, COST)),
        "logins_per_second_on_one_core": rounded(rate(measured, 1, COST)),
        "logins_per_second_on_all_cores": rounded(rate(&row.all_cores, cores, COST)),
        "times_the_crate": rounded(ratio),
    })
}

fn cost(calibration: &Calibration, cost: u32) -> Value {
    let full = full_load(calibration);
    json!({
        "cost": cost,
        "idle_latency_ms": milliseconds(hash_time(alone(calibration, full.kernel).step, cost)),
        "full_load_latency_ms": milliseconds(hash_time(full.step, cost)),
        "logins_per_second": rounded(rate(&full, calibration.cores, cost)),
    })
}

fn name(measured: &Measurement) -> Value {
    json!({ "kernel": measured.kernel, "lanes": measured.lanes })
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn milliseconds(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1e3)
}

/// Rounds to three decimals: more would be noise.
fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}
