//! All string fields of all RPCs, and texts that are dear to read.

use anyhow::Context as _;
use countersign::pb::DESCRIPTORS;
use prost::{
    DecodeError, Message,
    bytes::{Buf, BufMut},
    encoding::{DecodeContext, WireType, string},
};
use prost_types::{FileDescriptorSet, field_descriptor_proto::Type};

/// Texts are made of these, again and again.
pub(crate) const TEXTS: [&str; 5] = [
    // Marks that normalisation puts into another order: all of them are one run.
    "\u{301}\u{327}",
    // A letter that becomes eighteen.
    "\u{fdfa}",
    // Hangul in parts.
    "\u{1112}\u{1161}\u{11ab}",
    // What base64 decodes.
    "A",
    // Headers of a token.
    "eyJhbGciOiJFUzI1NiJ9.",
];

/// A string field of an RPC's request.
pub(crate) struct Field {
    pub(crate) rpc: String,
    pub(crate) path: String,
    pub(crate) name: String,
    number: u32,
    in_oneof: bool,
}

/// A request: texts by the number of their field.
#[derive(Debug, Default, Clone)]
pub(crate) struct Texts(pub(crate) Vec<(u32, String)>);

impl Field {
    /// A call with the same bytes, none of which is read.
    pub(crate) fn beside(&self, part: &str, bytes: usize) -> (&'static str, Texts) {
        let known = REFUSED.iter().find(|(service, _)| self.path.starts_with(service));
        let path = known.map_or(REFUSED[1].1, |(_, path)| *path);
        (path, Texts(vec![(UNKNOWN, part.repeat(bytes / part.len()))]))
    }

    /// The field with as many of `part` as go into `bytes`, and beside it what the request can't do without.
    pub(crate) fn message(&self, part: &str, bytes: usize) -> Texts {
        let text = part.repeat(bytes / part.len());
        let needed = (self.rpc == "Verify2FA" && !self.in_oneof).then(|| (2, "123456".to_owned()));
        Texts(needed.into_iter().chain([(self.number, text)]).collect())
    }
}

/// An RPC of ours that is refused at once for what it does not hold: with a bearer token, and without.
const REFUSED: [(&str, &str); 2] = [
    ("/auth.v1.AccountService/", "/auth.v1.AccountService/RevokeSession"),
    ("/auth.v1.", "/auth.v1.AuthService/Logout"),
];

/// No request of ours has such a field.
const UNKNOWN: u32 = 1000;

/// Every string field of every request of ours.
pub(crate) fn all() -> anyhow::Result<Vec<Field>> {
    let files = FileDescriptorSet::decode(DESCRIPTORS)?.file;
    let ours: Vec<_> = files.iter().filter(|file| file.package() == "auth.v1").collect();
    let messages: Vec<_> = ours.iter().flat_map(|file| &file.message_type).collect();
    let mut fields = Vec::new();
    for service in ours.iter().flat_map(|file| &file.service) {
        for rpc in &service.method {
            let name = rpc.input_type().rsplit('.').next().unwrap_or_default();
            let message = messages.iter().find(|message| message.name() == name);
            let strings = message.context("an unknown request")?.field.iter();
            for field in strings.filter(|field| field.r#type() == Type::String) {
                fields.push(Field {
                    rpc: rpc.name().to_owned(),
                    path: format!("/auth.v1.{}/{}", service.name(), rpc.name()),
                    name: field.name().to_owned(),
                    number: field.number().try_into()?,
                    in_oneof: field.oneof_index.is_some(),
                });
            }
        }
    }
    Ok(fields)
}

impl Message for Texts {
    fn encode_raw(&self, buffer: &mut impl BufMut) {
        for (number, text) in &self.0 {
            string::encode(*number, text, buffer);
        }
    }

    fn encoded_len(&self) -> usize {
        self.0.iter().map(|(number, text)| string::encoded_len(*number, text)).sum()
    }

    fn merge_field(
        &mut self,
        _number: u32,
        wire_type: WireType,
        buffer: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        prost::encoding::skip_field(wire_type, 1, buffer, context)
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}
