//! How messages are put on the wire: protobuf, in buffers that fit them.

use std::marker::PhantomData;

use prost::Message;
use tonic::codec::{BufferSettings, Codec};
use tonic_prost::{ProstDecoder, ProstEncoder};

/// What a message has at first, in bytes; a longer one gets more. tonic's own 8 KiB are for larger messages than ours, and
/// each call holds them while it waits for its request. Answers are longer: there are tokens in them.
const RECEIVED: usize = 256;
const SENT: usize = 1024;

/// A stream hands on what it has at so many bytes (tonic's default).
const YIELD_AT: usize = 32 * 1024;

/// Protobuf, as of prost.
#[derive(Debug)]
pub(super) struct ProtobufCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for ProtobufCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for ProtobufCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(BufferSettings::new(SENT, YIELD_AT))
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::new(BufferSettings::new(RECEIVED, YIELD_AT))
    }
}
