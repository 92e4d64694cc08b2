//! Compiles the client of Countersign's TokenService; for tests, benches and the example, also servers.
//!
//! protox parses the files in pure Rust, so no protoc is needed on the machine.

use std::{error::Error, fs, path::PathBuf};

const CONTRACT: &str = "../../proto";
/// What the contract imports of others: options, which no message has as a field.
const OPTIONS: [(&str, &str); 2] = [
    ("../../third_party/googleapis", "google.api"),
    ("../../third_party/protovalidate", "buf.validate"),
];
const EXAMPLE: &str = "proto";

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script so where to write")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={CONTRACT}/auth/v1/token_service.proto");
    for (folder, _package) in OPTIONS {
        println!("cargo::rerun-if-changed={folder}");
    }
    println!("cargo::rerun-if-changed={EXAMPLE}");
    let includes = std::iter::once(CONTRACT).chain(OPTIONS.map(|(folder, _package)| folder));
    let mut contract = protox::compile(["auth/v1/token_service.proto"], includes)?;
    contract
        .file
        .retain(|file| OPTIONS.iter().all(|(_folder, package)| file.package() != *package));
    let example = protox::compile(["greeter/v1/greeter.proto"], [EXAMPLE])?;

    tonic_prost_build::configure().build_server(false).compile_fds(contract.clone())?;

    // Cargo has no build script for dev targets alone; what the library does not include costs its users nothing.
    let dev = PathBuf::from(std::env::var("OUT_DIR")?).join("dev");
    fs::create_dir_all(&dev)?;
    for files in [contract, example] {
        tonic_prost_build::configure().out_dir(&dev).compile_fds(files)?;
    }
    Ok(())
}
