//! Lines written past the log's filter, in the log's format: before it has started and after it has ended. A collector of
//! JSON gets JSON on every line.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    error::Error,
    io::{self, Write as _},
    panic::PanicHookInfo,
};

use tracing_subscriber::fmt;

use super::chain;
use crate::config::{LogFormat, Problems};

/// Reports the failure of a command on standard error.
pub fn say_failure(format: LogFormat, error: &(dyn Error + 'static)) {
    match format {
        LogFormat::Text => {
            // Standard error is closed: nowhere to report that.
            let _written = writeln!(io::stderr(), "countersign: {}", chain(error));
        }
        LogFormat::Json => as_json(|| match error.downcast_ref::<Problems>() {
            // One line per problem: a collector can tell them apart, and no line holds line breaks.
            Some(problems) => problems.0.iter().for_each(|problem| {
                let (setting, problem) = (&problem.setting, &problem.text);
                tracing::error!(setting, problem, "the configuration does not work");
            }),
            None => tracing::error!(error = %chain(error), "the command failed"),
        }),
    }
}

/// Reports a wrong command line, as JSON.
pub fn say_usage(problem: &str) {
    as_json(|| tracing::error!(problem = problem.trim_end(), "the command line is not valid"));
}

/// Logs in JSON where the server listens, past the log's filter.
pub fn say_listening(say: impl FnOnce()) {
    as_json(say);
}

/// Installs a panic hook for JSON. In text, panics look as Rust prints them.
pub fn report_panics(format: LogFormat) {
    if format == LogFormat::Json {
        std::panic::set_hook(Box::new(|panic| as_json(|| say_panic(panic))));
    }
}

fn say_panic(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload_as_str().unwrap_or("no text");
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    let backtrace = Backtrace::capture();
    let backtrace =
        (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or_default();
    tracing::error!(panic = payload, location, thread, backtrace, "panicked");
}

/// Runs `say` with a log of its own: the global one may not have started, or be the one that panics.
fn as_json(say: impl FnOnce()) {
    let log = fmt().json().flatten_event(true).with_writer(io::stderr).finish();
    tracing::subscriber::with_default(log, say);
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    #[ignore = "the test below runs it, in a process of its own: the hook is the process's"]
    fn a_process_that_panics() {
        report_panics(LogFormat::Json);
        let panics = || -> () { panic!("the \"store\"\nis gone") };
        std::thread::Builder::new()
            .name("worker".into())
            .spawn(panics)
            .unwrap()
            .join()
            .unwrap_err();
    }

    #[test]
    fn a_panic_is_one_line_of_json_with_its_place() {
        let mut process = Command::new(std::env::current_exe().unwrap());
        let name = "telemetry::beside_the_log::tests::a_process_that_panics";
        process.args(["--exact", name, "--ignored", "--nocapture"]).env("RUST_BACKTRACE", "0");
        let output = process.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!((&line["level"], &line["message"]), (&"ERROR".into(), &"panicked".into()));
        assert_eq!(line["panic"], "the \"store\"\nis gone");
        assert_eq!(line["thread"], "worker");
        assert!(line["location"].as_str().unwrap().contains("beside_the_log.rs:"), "{line}");
    }
}
