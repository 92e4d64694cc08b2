//! The server's side of the contract.

#![expect(
    clippy::allow_attributes_without_reason,
    clippy::enum_variant_names,
    clippy::too_many_lines,
    reason = "generated code"
)]

include!(concat!(env!("OUT_DIR"), "/dev/auth.v1.rs"));
