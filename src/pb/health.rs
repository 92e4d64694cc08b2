//! The generated types of `grpc.health.v1`, with List, and the descriptor set that reflection serves.

#![expect(missing_docs, reason = "generated code, whose comments are those of the protocol")]

tonic::include_proto!("grpc.health.v1");

/// `grpc.health.v1` as an encoded `FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/health.descriptors.bin"));
