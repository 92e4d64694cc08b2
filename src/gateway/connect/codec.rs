//! The codecs of messages.

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Json,
    Protobuf,
}

impl Codec {
    /// The codec of that name.
    pub(super) fn of(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "proto" => Some(Self::Protobuf),
            _ => None,
        }
    }
}
