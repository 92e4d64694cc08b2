//! The result for people: two tables and advice, in 80 columns.

use std::time::Duration;

use super::{
    advice,
    rates::{COSTS, alone, bcrypt_crate, checked_rate, full_load, hash_time, rate},
};
use crate::cli::table::aligned;
use crate::password::engine::{Calibration, Row};

/// The cost at which kernels are compared.
const COST: u32 = advice::DEFAULT;

/// Threshold below which whole hashes count as much slower than the estimate.
const MUCH_SLOWER: f64 = 0.9;

/// The whole text.
pub(super) fn of(calibration: &Calibration, target: Duration) -> String {
    let best = full_load(calibration);
    let (kernels, costs) = (kernels(calibration), costs(calibration));
    let (best, advice) = (name(best.kernel, best.lanes), advice(calibration, target));
    format!("Kernels, at cost {COST}:\n\n{kernels}\nCosts, with {best}:\n\n{costs}\n{advice}")
}

fn kernels(calibration: &Calibration) -> String {
    let cores = on_cores(calibration.cores);
    let heading = [
        ["", "", "a hash", "in full", "logins/s", "logins/s", "times"],
        ["kernel", "lanes", "alone", "lanes", "on 1 core", &cores, "the crate"],
    ];
    let mut rows = heading.map(|row| row.map(str::to_owned)).to_vec();
    rows.extend(calibration.rows.iter().map(|row| kernel(calibration, row)));
    aligned(&rows, &[0])
}

fn kernel(calibration: &Calibration, row: &Row) -> [String; 7] {
    let measured = &row.one_core;
    let ratio = measured.steps_a_second() / bcrypt_crate(calibration).steps_a_second();
    [
        measured.kernel.to_owned(),
        measured.lanes.to_string(),
        milliseconds(hash_time(alone(calibration, measured.kernel).step, COST)),
        milliseconds(hash_time(measured.step, COST)),
        figure(rate(measured, 1, COST)),
        figure(rate(&row.all_cores, calibration.cores, COST)),
        format!("{ratio:.2}"),
    ]
}

fn costs(calibration: &Calibration) -> String {
    let cores = on_cores(calibration.cores);
    let heading =
        [["", "a login", "at full", "logins/s", ""], ["cost", "alone", "load", &cores, ""]];
    let mut rows = heading.map(|row| row.map(str::to_owned)).to_vec();
    let full = full_load(calibration);
    let idle = alone(calibration, full.kernel);
    rows.extend(COSTS.map(|cost| {
        let note = match cost {
            advice::LEAST => "OWASP's minimum",
            advice::DEFAULT => "the default",
            _ => "",
        };
        [
            cost.to_string(),
            milliseconds(hash_time(idle.step, cost)),
            milliseconds(hash_time(full.step, cost)),
            figure(rate(&full, calibration.cores, cost)),
            note.to_owned(),
        ]
    }));
    aligned(&rows, &[4])
}

fn advice(calibration: &Calibration, target: Duration) -> String {
    let full = full_load(calibration);
    let recommended = advice::recommend(full.step, target);
    let (cost, takes) = (recommended.cost, short(recommended.latency));
    let (target, next) = (humantime::format_duration(target), hash_time(full.step, cost + 1));
    let mut lines = vec![if recommended.in_time {
        format!(
            "Cost {cost} keeps a login within {target} at full load: it takes {takes}.\n\
             Cost {} would take {}.",
            cost + 1,
            short(next)
        )
    } else {
        format!(
            "Warning: this machine is too slow for {target}. Cost {cost}, OWASP's minimum,\n\
             takes {takes} at full load."
        )
    }];
    lines.push("Set:".to_owned());
    let settings = advice::settings(calibration, cost);
    lines.extend(settings.iter().map(|(name, value)| format!("  {name}={value}")));
    lines.extend(shared(calibration));
    if settings.len() == 1 {
        lines.push(left_to_the_engine(calibration));
    }
    let (estimate, checked) =
        (rate(&full, calibration.cores, cost), checked_rate(calibration, cost));
    lines.push(format!(
        "That sustains {} logins a second; whole hashes gave {} just now.",
        figure(estimate),
        figure(checked)
    ));
    lines.extend(warnings(calibration, checked / estimate));
    lines.join("\n") + "\n"
}

fn left_to_the_engine(calibration: &Calibration) -> String {
    let auto = &calibration.auto.all_cores;
    let first = name(auto.kernel, auto.lanes);
    format!(
        "Leave kernel and lanes to the engine: it begins with {first},\n\
         and changes them while it hashes, if others are faster then."
    )
}

/// What virtual processors and hardware threads need to be told.
fn shared(calibration: &Calibration) -> Option<String> {
    let (part, cores) = (advice::shared(calibration)? * 100.0, calibration.cores);
    Some(format!(
        "With all {cores} processors at work each does {part:.0}% of what one does alone:\n\
         they share cores (hardware threads) or caches, or are clocked lower then.\n\
         Count on the column \"{}\".",
        on_cores(cores)
    ))
}

fn warnings(calibration: &Calibration, checked: f64) -> impl Iterator<Item = String> {
    let slower = (checked < MUCH_SLOWER).then(|| {
        "Warning: that is much less than the machine can do by itself. Is it busy?".to_owned()
    });
    let wrong = calibration.wrong.iter().map(|kernel| {
        format!("Warning: the kernel {kernel} gives other results than bcrypt and is not used.")
    });
    slower.into_iter().chain(wrong)
}

fn name(kernel: &str, lanes: usize) -> String {
    match (kernel, lanes) {
        ("crate", _) => "the bcrypt crate".to_owned(),
        (kernel, 1) => format!("{kernel} on 1 lane"),
        (kernel, lanes) => format!("{kernel} on {lanes} lanes"),
    }
}

fn on_cores(cores: usize) -> String {
    if cores == 1 { "on 1 core".to_owned() } else { format!("on {cores} cores") }
}

/// A duration for a column, with a fixed number of decimals.
fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// A duration for a sentence.
fn short(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1e3;
    if milliseconds < 100.0 {
        format!("{milliseconds:.1} ms")
    } else {
        format!("{milliseconds:.0} ms")
    }
}

fn figure(number: f64) -> String {
    format!("{number:.1}")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::password::engine::{Check, Measurement};

    /// A machine with four cores: the bcrypt crate takes 60 µs a step, portable on two lanes 80 µs for both.
    pub(in crate::cli::calibrate) fn calibration() -> Calibration {
        let row = |kernel, lanes, step, all| {
            let measured = |step| Measurement { kernel, lanes, step: Duration::from_micros(step) };
            Row { one_core: measured(step), all_cores: measured(all) }
        };
        let rows =
            vec![row("crate", 1, 60, 60), row("portable", 1, 50, 50), row("portable", 2, 75, 80)];
        let check = Check { hashes: 100, cost: 10, took: Duration::from_millis(1024) };
        Calibration { cores: 4, best: rows[2], auto: rows[2], rows, wrong: Vec::new(), check }
    }

    #[test]
    fn tables_and_advice_stand_in_eighty_columns() {
        let text = of(&calibration(), Duration::from_millis(200));
        let expected = "\
Kernels, at cost 12:

                   a hash   in full   logins/s    logins/s      times
kernel    lanes     alone     lanes  on 1 core  on 4 cores  the crate
crate         1  245.8 ms  245.8 ms        4.1        16.3       1.00
portable      1  204.8 ms  204.8 ms        4.9        19.5       1.20
portable      2  204.8 ms  307.2 ms        6.5        24.4       1.60

Costs, with portable on 2 lanes:

       a login    at full    logins/s
cost     alone       load  on 4 cores
  10   51.2 ms    81.9 ms        97.7  OWASP's minimum
  11  102.4 ms   163.8 ms        48.8
  12  204.8 ms   327.7 ms        24.4  the default
  13  409.6 ms   655.4 ms        12.2
  14  819.2 ms  1310.7 ms         6.1

Cost 11 keeps a login within 200ms at full load: it takes 164 ms.
Cost 12 would take 328 ms.
Set:
  COUNTERSIGN_BCRYPT_COST=11
Leave kernel and lanes to the engine: it begins with portable on 2 lanes,
and changes them while it hashes, if others are faster then.
That sustains 48.8 logins a second; whole hashes gave 48.8 just now.
";
        assert_eq!(text, expected);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn what_is_wrong_with_the_machine_is_said() {
        let mut calibration = calibration();
        calibration.best.all_cores.step *= 2;
        calibration.check.took *= 4;
        calibration.wrong.push("bmi");
        let text = of(&calibration, Duration::from_millis(50));
        for line in [
            "Warning: this machine is too slow for 50ms. Cost 10, OWASP's minimum,",
            "With all 4 processors at work each does 47% of what one does alone:",
            "Count on the column \"on 4 cores\".",
            "Warning: that is much less than the machine can do by itself. Is it busy?",
            "Warning: the kernel bmi gives other results than bcrypt and is not used.",
        ] {
            assert!(text.lines().any(|printed| printed == line), "{line} is not in\n{text}");
        }
    }
}
