//! The generated types of Envoy's `ext_authz` API, as modules that are called as its packages are.

#![expect(
    clippy::large_enum_variant,
    missing_docs,
    reason = "generated code, whose comments are not ours to mend"
)]

/// The API and all that it imports, as an encoded `FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/envoy.descriptors.bin"));

pub mod envoy {
    pub mod config {
        pub mod core {
            pub mod v3 {
                tonic::include_proto!("envoy.config.core.v3");
            }
        }
    }

    pub mod service {
        pub mod auth {
            pub mod v3 {
                tonic::include_proto!("envoy.service.auth.v3");
            }
        }
    }

    pub mod r#type {
        pub mod v3 {
            tonic::include_proto!("envoy.r#type.v3");
        }
    }
}

pub mod xds {
    pub mod core {
        pub mod v3 {
            tonic::include_proto!("xds.core.v3");
        }
    }
}

hide_in_debug!(
    envoy::config::core::v3::HeaderValue,
    envoy::service::auth::v3::attribute_context::HttpRequest,
);
