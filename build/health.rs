//! The health service of gRPC (`build/protos`): Rust, and a descriptor set of its own, since it is no part of our contract.

use std::{error::Error, path::Path};

use crate::CODEC;

pub(crate) const INCLUDE: &str = "build/protos";

pub(crate) fn compile(out_dir: &Path) -> Result<(), Box<dyn Error>> {
    let mut compiler = protox::Compiler::new([INCLUDE])?;
    compiler.include_source_info(true).open_file("grpc/health/v1/health.proto")?;
    std::fs::write(out_dir.join("health.descriptors.bin"), compiler.encode_file_descriptor_set())?;
    let files = compiler.file_descriptor_set();
    tonic_prost_build::configure().codec_path(CODEC).compile_fds(files)?;
    Ok(())
}
