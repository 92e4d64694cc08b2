//! Envoy's `ext_authz` API (`third_party/envoy`): Rust, and a descriptor set of its own, since it is no part of our contract.

use std::{error::Error, path::Path};

use crate::CODEC;

pub(crate) const INCLUDES: [&str; 1] = ["third_party/envoy"];

/// Packages of options, which no message has as a field.
const OPTIONS: [&str; 4] =
    ["envoy.annotations", "udpa.annotations", "validate", "xds.annotations.v3"];

/// What their `Debug` would show are callers' tokens: `src/pb/ext_authz.rs` has another one.
const SECRET: [&str; 2] =
    ["envoy.config.core.v3.HeaderValue", "envoy.service.auth.v3.AttributeContext.HttpRequest"];

pub(crate) fn compile(out_dir: &Path) -> Result<(), Box<dyn Error>> {
    let mut compiler = protox::Compiler::new(INCLUDES)?;
    compiler.include_imports(true).open_file("envoy/service/auth/v3/external_auth.proto")?;
    std::fs::write(out_dir.join("envoy.descriptors.bin"), compiler.encode_file_descriptor_set())?;

    let mut files = compiler.file_descriptor_set();
    files.file.retain(|file| !OPTIONS.contains(&file.package()));
    tonic_prost_build::configure()
        .codec_path(CODEC)
        .extern_path(".google.rpc.Status", "::tonic_types::pb::Status")
        .skip_debug(SECRET)
        .compile_fds(files)?;
    Ok(())
}
