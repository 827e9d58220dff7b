//! Requests whose texts are none: a calling number or a name that a switch passes on as it came need not be UTF-8, which
//! protobuf demands of a text. The call, one to 911 among them, is answered all the same.

use bytes::Buf;
use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};

/// The fields of a CheckProviderRequest that hold text.
const TEXTS: [u32; 5] = [1, 2, 3, 4, 10];

/// The field of a CheckProvidersRequest that holds its questions.
pub const QUESTIONS_OF_BATCH: u32 = 1;

/// The field of a CheckStreamRequest that holds its question.
pub const QUESTION_OF_STREAM: u32 = 2;

/// The longest varint.
const VARINT_BYTES: usize = 10;

/// A CheckProviderRequest with texts that are UTF-8: what is not is replaced by U+FFFD. `nested` is the field of a larger
/// message that holds such requests. Nothing if it is no message at all.
pub fn mended(message: &[u8], nested: Option<u32>) -> Option<Vec<u8>> {
    let (mut rest, mut out) = (message, Vec::with_capacity(message.len() + VARINT_BYTES));
    while rest.has_remaining() {
        let field = rest;
        let (tag, wire_type) = decode_key(&mut rest).ok()?;
        match wire_type {
            WireType::LengthDelimited => {
                let length = usize::try_from(decode_varint(&mut rest).ok()?).ok()?;
                let (content, behind) = rest.split_at_checked(length)?;
                rest = behind;
                let content = match nested {
                    Some(nested) if nested == tag => mended(content, None)?,
                    None if TEXTS.contains(&tag) => String::from_utf8_lossy(content).into_owned().into_bytes(),
                    _ => content.to_vec(),
                };
                encode_key(tag, wire_type, &mut out);
                encode_varint(content.len() as u64, &mut out);
                out.extend(content);
                continue;
            }
            WireType::Varint => _ = decode_varint(&mut rest).ok()?,
            WireType::SixtyFourBit => rest = rest.get(8..)?,
            WireType::ThirtyTwoBit => rest = rest.get(4..)?,
            WireType::StartGroup | WireType::EndGroup => return None,
        }
        out.extend(field.get(..field.len() - rest.len())?);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::api::grpc::v1::{CheckProviderRequest, CheckProvidersRequest, CheckStreamRequest};

    fn raw(tag: u32, content: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode_key(tag, WireType::LengthDelimited, &mut out);
        encode_varint(content.len() as u64, &mut out);
        out.extend(content);
        out
    }

    #[test]
    fn of_a_text_that_is_none_the_rest_is_read_and_all_else_is_as_it_was() {
        let good = CheckProviderRequest { emergency: true, detail: 1, r#ref: vec![0xff], ..Default::default() };
        let mut message = good.encode_to_vec();
        message.extend(raw(10, b"+1212\xff5550100"));
        assert!(CheckProviderRequest::decode(message.as_slice()).is_err());
        let read = CheckProviderRequest::decode(mended(&message, None).expect("a message").as_slice()).expect("read");
        assert_eq!(read, CheckProviderRequest { caller_id: "+1212\u{fffd}5550100".to_owned(), ..good.clone() });
        let stream = [&[0x08, 7][..], &raw(QUESTION_OF_STREAM, &message)].concat();
        let of_stream = mended(&stream, Some(QUESTION_OF_STREAM)).expect("a message");
        let of_stream = CheckStreamRequest::decode(of_stream.as_slice()).expect("read");
        assert_eq!(of_stream, CheckStreamRequest { id: 7, question: Some(read.clone()) });
        let mut batch = raw(1, &message);
        batch.extend(raw(1, &good.encode_to_vec()));
        let mended = mended(&batch, Some(QUESTIONS_OF_BATCH)).expect("a message");
        assert_eq!(CheckProvidersRequest::decode(mended.as_slice()).expect("read").questions, [read, good]);
    }

    #[test]
    fn what_is_no_message_is_none() {
        for rubbish in [&b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"[..], &[0x52, 0x7f, 1], &[0x0b]] {
            assert_eq!(mended(rubbish, None), None, "{rubbish:?}");
        }
    }
}
