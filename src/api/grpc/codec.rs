//! How messages are read and written where tonic does it: as prost has it, but that a text that is none does not end a
//! stream of questions ([`text::mended`]).

use std::any::TypeId;
use std::marker::PhantomData;

use bytes::Buf;
use prost::Message;
use tonic::Status;
use tonic::codec::{DecodeBuf, Decoder};
use tonic_prost::ProstEncoder;

use super::{text, v1};

/// Encodes one message and decodes the other.
#[derive(Debug)]
pub struct Codec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = Mending<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        Mending(PhantomData)
    }
}

/// Decodes a message, and one of questions though a text in it is none.
#[derive(Debug)]
pub struct Mending<U>(PhantomData<U>);

/// Where the questions of a message are, if it is one of questions: it is one itself, or its field of this number has them.
fn questions<U: 'static>() -> Option<Option<u32>> {
    let known = [
        (TypeId::of::<v1::CheckProviderRequest>(), None),
        (TypeId::of::<v1::CheckProvidersRequest>(), Some(text::QUESTIONS_OF_BATCH)),
        (TypeId::of::<v1::CheckStreamRequest>(), Some(text::QUESTION_OF_STREAM)),
    ];
    known.into_iter().find(|(of, _)| *of == TypeId::of::<U>()).map(|(_, nested)| nested)
}

impl<U: Message + Default + 'static> Decoder for Mending<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let message = buffer.copy_to_bytes(buffer.remaining());
        let decoded = U::decode(message.clone()).or_else(|error| {
            let mended = questions::<U>().and_then(|nested| text::mended(&message, nested));
            mended.map_or(Err(error), |mended| U::decode(mended.as_slice()))
        });
        // As tonic has it.
        decoded.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
