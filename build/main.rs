//! Compiles `proto/` to Rust, to the descriptor set that reflection serves and the HTTP rules are read from, and to the OpenAPI
//! document; Envoy's `ext_authz` API and the health service of gRPC. Compresses the pages.
//!
//! protox parses the files in pure Rust, so no protoc is needed on the machine.

mod envoy;
mod health;
mod openapi;
mod secrets;
mod web;

use std::{
    error::Error,
    path::{Path, PathBuf},
};

use protox::prost_reflect::{
    DescriptorPool, DynamicMessage, Value, prost::Message as _, prost_types::FileDescriptorSet,
};

const PACKAGE: &str = "auth.v1.";

/// How messages are put on the wire.
const CODEC: &str = "crate::pb::codec::ProtobufCodec";

/// The pages.
const WEB: &str = "web";

/// Our files, and those of others that they import.
const INCLUDES: [&str; 3] = ["proto", "third_party/googleapis", "third_party/protovalidate"];

/// The packages of those: options, which no message of ours has as a field.
const OPTIONS: [&str; 2] = ["google.api", "buf.validate"];

#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "cargo says in the environment where to write, and reads what is printed"
)]
fn main() -> Result<(), Box<dyn Error>> {
    let others = envoy::INCLUDES.into_iter().chain([health::INCLUDE]);
    for folder in INCLUDES.into_iter().chain(others).chain([WEB]) {
        println!("cargo::rerun-if-changed={folder}");
    }
    let files = [
        "auth/v1/account_service.proto",
        "auth/v1/admin_service.proto",
        "auth/v1/audit_event.proto",
        "auth/v1/auth_service.proto",
        "auth/v1/managed_user.proto",
        "auth/v1/passkey.proto",
        "auth/v1/personal_data.proto",
        "auth/v1/token_service.proto",
        "auth/v1/tokens.proto",
        "auth/v1/user.proto",
        "auth/v1/user_record.proto",
    ];
    let mut compiler = protox::Compiler::new(INCLUDES)?;
    compiler.include_imports(true).include_source_info(true).open_files(files)?;

    let out_dir = PathBuf::from(std::env::var("OUT_DIR")?);
    web::prepare(Path::new(WEB), &out_dir.join(WEB))?;
    let pool = compiler.descriptor_pool();
    let descriptors = without_others_comments(&pool, &compiler.encode_file_descriptor_set())?;
    std::fs::write(out_dir.join("auth_v1.descriptors.bin"), descriptors)?;
    envoy::compile(&out_dir)?;
    health::compile(&out_dir)?;
    std::fs::write(out_dir.join("openapi.json"), openapi::document(&pool)?)?;

    // Their generated `Debug` would show secrets: `src/pb.rs` has another one.
    let secret = secrets::secret_types(&pool)?;
    std::fs::write(out_dir.join("secret_messages.rs"), secrets::hidden(&secret))?;
    std::fs::write(out_dir.join("every_message.rs"), secrets::every_message(&pool))?;
    tonic_prost_build::configure()
        .codec_path(CODEC)
        .skip_debug(secret.iter().map(|name| format!("{PACKAGE}{name}")))
        .compile_fds(compiled_to_rust(&compiler))?;
    Ok(())
}

/// The descriptor set without the comments of others' files: they are most of it, and every replica would hold them in memory. By
/// reflection, since prost's types would lose the options of `google.api`.
fn without_others_comments(
    pool: &DescriptorPool,
    encoded: &[u8],
) -> Result<Vec<u8>, Box<dyn Error>> {
    let set = pool.get_message_by_name("google.protobuf.FileDescriptorSet");
    let mut set = DynamicMessage::decode(set.ok_or("descriptor.proto is not imported")?, encoded)?;
    let files = set.get_field_by_name_mut("file").and_then(Value::as_list_mut);
    for file in files.into_iter().flatten().filter_map(Value::as_message_mut) {
        let package = file.get_field_by_name("package");
        let is_ours = package.is_some_and(|package| package.as_str() == Some("auth.v1"));
        if !is_ours {
            file.clear_field_by_name("source_code_info");
        }
    }
    Ok(set.encode_to_vec())
}

/// All files but those of options.
fn compiled_to_rust(compiler: &protox::Compiler) -> FileDescriptorSet {
    let mut files = compiler.file_descriptor_set();
    files.file.retain(|file| !OPTIONS.contains(&file.package()));
    files
}
