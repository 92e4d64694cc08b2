//! The `countersign` command.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use countersign::{cli, config::LogFormat, telemetry};

fn main() -> ExitCode {
    let format = LogFormat::asked_for();
    telemetry::report_panics(format);
    match cli::run(format) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not through the log: it may not have started.
            telemetry::say_failure(format, error.as_ref());
            ExitCode::FAILURE
        }
    }
}
