//! Envoy's `ext_authz` API (`third_party/envoy`): Rust, and a descriptor set of its own, since it is no part of our contract.

use std::{error::Error, path::Path};

use protox::prost_reflect::prost_types::{DescriptorProto, field_descriptor_proto::Type};

use crate::CODEC;

pub(crate) const INCLUDES: [&str; 1] = ["third_party/envoy"];

/// Packages of options, which no message has as a field.
const OPTIONS: [&str; 4] =
    ["envoy.annotations", "udpa.annotations", "validate", "xds.annotations.v3"];

/// What their `Debug` would show are callers' tokens: `src/pb/ext_authz.rs` has another one.
const SECRET: [&str; 2] =
    ["envoy.config.core.v3.HeaderValue", "envoy.service.auth.v3.AttributeContext.HttpRequest"];

/// Of these messages the fields that are read. Text of a caller's that is not UTF-8, in any of the others, would be an error of the whole
/// message, and Envoy may be told to let requests pass at errors.
const READ: [(&str, &[&str]); 2] = [
    ("AttributeContext", &["request"]),
    ("HttpRequest", &["method", "headers", "header_map", "path", "host"]),
];

/// Texts that callers write, and Envoy passes on as they are: bytes look the same on the wire, and may be anything.
const BYTES: [&str; 3] = ["method", "path", "host"];

pub(crate) fn compile(out_dir: &Path) -> Result<(), Box<dyn Error>> {
    let mut compiler = protox::Compiler::new(INCLUDES)?;
    compiler.include_imports(true).open_file("envoy/service/auth/v3/external_auth.proto")?;
    std::fs::write(out_dir.join("envoy.descriptors.bin"), compiler.encode_file_descriptor_set())?;

    let mut files = compiler.file_descriptor_set();
    files.file.retain(|file| !OPTIONS.contains(&file.package()));
    for file in files.file.iter_mut().filter(|file| file.package() == "envoy.service.auth.v3") {
        file.message_type.iter_mut().for_each(keep_what_is_read);
    }
    tonic_prost_build::configure()
        .codec_path(CODEC)
        .extern_path(".google.rpc.Status", "::tonic_types::pb::Status")
        .skip_debug(SECRET)
        .compile_fds(files)?;
    Ok(())
}

fn keep_what_is_read(message: &mut DescriptorProto) {
    if let Some((_, read)) = READ.iter().find(|(name, _)| *name == message.name()) {
        message.field.retain(|field| read.contains(&field.name()));
        for field in message.field.iter_mut().filter(|field| BYTES.contains(&field.name())) {
            field.set_type(Type::Bytes);
        }
    }
    message.nested_type.iter_mut().for_each(keep_what_is_read);
}
