//! Compiles `proto/` to Rust and to the descriptor set that reflection serves.
//!
//! protox parses the files in pure Rust, so no protoc is needed on the machine.

use std::{error::Error, path::PathBuf};

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script so where to write")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = [
        "auth/v1/auth_service.proto",
        "auth/v1/token_service.proto",
        "auth/v1/tokens.proto",
        "auth/v1/user.proto",
    ];
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true).open_files(files)?;

    let out_dir = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out_dir.join("auth_v1.descriptors.bin"), compiler.encode_file_descriptor_set())?;

    // Their generated `Debug` would show secrets: `src/pb.rs` has another one.
    let secret = [
        "RegisterRequest",
        "LoginRequest",
        "Verify2FARequest",
        "ResendCodeRequest",
        "Challenge",
        "Tokens",
    ];
    tonic_prost_build::configure()
        .skip_debug(secret.map(|message| format!("auth.v1.{message}")))
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
