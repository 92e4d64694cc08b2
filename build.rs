//! Compiles `proto/` to Rust and to the descriptor set that reflection serves.
//!
//! protox parses the files in pure Rust, so no protoc is needed on the machine.

use std::{error::Error, path::PathBuf};

use heck::{ToSnakeCase as _, ToUpperCamelCase as _};

const PACKAGE: &str = "auth.v1.";

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script so where to write")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = [
        "auth/v1/account_service.proto",
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
    let secret = secret_types(&compiler);
    let names: Vec<_> = secret.iter().map(|name| rust_path(name)).collect();
    std::fs::write(
        out_dir.join("secret_messages.rs"),
        format!("hide_in_debug!({});\n", names.join(", ")),
    )?;
    tonic_prost_build::configure()
        .codec_path("crate::pb::codec::ProtobufCodec")
        .skip_debug(secret.iter().map(|name| format!("{PACKAGE}{name}")))
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

/// The messages of ours with a field that is marked `debug_redact`, and their oneofs: names without the package.
fn secret_types(compiler: &protox::Compiler) -> Vec<String> {
    let mut found = Vec::new();
    for message in compiler.descriptor_pool().all_messages() {
        let mut options = message.fields().map(|field| field.options());
        let is_secret = options.any(|options| {
            let redacted = options.get_field_by_name("debug_redact");
            redacted.is_some_and(|redacted| redacted.as_bool() == Some(true))
        });
        if is_secret {
            let oneofs = message.oneofs().map(|oneof| oneof.full_name().to_owned());
            found.extend(oneofs.chain([message.full_name().to_owned()]));
        }
    }
    found.iter().filter_map(|name| name.strip_prefix(PACKAGE)).map(str::to_owned).collect()
}

/// The type that prost makes of `Verify2FARequest.proof`: `verify2_fa_request::Proof`.
fn rust_path(name: &str) -> String {
    let (message, oneof) = name.split_once('.').unwrap_or(("", name));
    let module = if message.is_empty() { String::new() } else { message.to_snake_case() + "::" };
    module + &oneof.to_upper_camel_case()
}
