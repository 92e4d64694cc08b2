//! The codecs of messages.

use std::borrow::Cow;

use crate::{
    domain::InvalidField,
    gateway::{contract::Rpc, json, message},
};

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

    /// The protobuf of a request.
    ///
    /// # Errors
    /// JSON that is none of the message.
    pub(super) fn request<'a>(
        self,
        rpc: &Rpc,
        message: &'a [u8],
    ) -> Result<Cow<'a, [u8]>, InvalidField> {
        match self {
            Self::Protobuf => Ok(Cow::Borrowed(message)),
            Self::Json => {
                let object = json::read(&rpc.input, message)?;
                message::encode(&rpc.input, &object).map(Cow::Owned)
            }
        }
    }
}
