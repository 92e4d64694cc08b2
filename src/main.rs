//! The `countersign` command.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    match countersign::cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not through the log: it may not have started.
            eprintln!("countersign: {}", countersign::telemetry::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
