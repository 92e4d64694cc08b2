//! The generated client of `auth.v1.TokenService`.

#![expect(
    clippy::allow_attributes_without_reason,
    clippy::enum_variant_names,
    unreachable_pub,
    reason = "generated code"
)]

tonic::include_proto!("auth.v1");
