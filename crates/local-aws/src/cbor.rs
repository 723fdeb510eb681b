//! Smithy's RPC v2 CBOR, as JSON on this side of the wire: the services know one form only.
//!
//! Timestamps are tag 1 on the wire and a number of seconds here, blobs are byte strings there and Base64
//! here. Source: <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>

use std::convert::Infallible;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use coxswain_ecs_shapes::{Kind, Shape};
use minicbor::{
    data::{IanaTag, Type},
    decode::{Decoder, Error},
    encode::{self, Encoder},
};
use serde_json::{Map, Number, Value};

/// How deep lists and maps may lie in each other; no request of AWS comes near.
const DEEPEST: usize = 64;

/// Reads one value, and nothing behind it.
///
/// # Errors
/// Where the bytes are no CBOR, or use what no Smithy client sends: keys that are no texts, other tags
/// than that of timestamps, floats of 16 bits.
pub(crate) fn decode(bytes: &[u8]) -> Result<Value, Error> {
    let mut decoder = Decoder::new(bytes);
    let value = read(&mut decoder, DEEPEST)?;
    if decoder.position() == bytes.len() { Ok(value) } else { Err(Error::message("more behind the value")) }
}

fn read(decoder: &mut Decoder<'_>, depth: usize) -> Result<Value, Error> {
    let deeper = depth.checked_sub(1).ok_or_else(|| Error::message("too deep"))?;
    Ok(match decoder.datatype()? {
        Type::Null => decoder.null().map(|()| Value::Null)?,
        Type::Undefined => decoder.undefined().map(|()| Value::Null)?,
        Type::Bool => decoder.bool()?.into(),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => decoder.u64()?.into(),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => decoder.i64()?.into(),
        Type::F32 | Type::F64 => float(decoder.f64()?),
        Type::String | Type::StringIndef => text(decoder)?.into(),
        Type::Bytes | Type::BytesIndef => {
            let parts = decoder.bytes_iter()?.collect::<Result<Vec<_>, _>>()?;
            STANDARD.encode(parts.concat()).into()
        }
        Type::Array | Type::ArrayIndef => {
            let mut items = Vec::new();
            let mut left = decoder.array()?;
            while has_more(decoder, &mut left)? {
                items.push(read(decoder, deeper)?);
            }
            items.into()
        }
        Type::Map | Type::MapIndef => {
            let mut members = Map::new();
            let mut left = decoder.map()?;
            while has_more(decoder, &mut left)? {
                let name = text(decoder)?;
                members.insert(name, read(decoder, deeper)?);
            }
            members.into()
        }
        Type::Tag if decoder.tag()? == IanaTag::Timestamp.tag() => read(decoder, deeper)?,
        other => return Err(Error::type_mismatch(other)),
    })
}

fn text(decoder: &mut Decoder<'_>) -> Result<String, Error> {
    decoder.str_iter()?.collect()
}

/// A number that is whole stays whole: a client may write 5 as 5.0.
#[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53, see the condition")]
fn float(value: f64) -> Value {
    let is_whole = value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0;
    if is_whole { (value as i64).into() } else { Number::from_f64(value).map_or(Value::Null, Value::Number) }
}

/// Whether another item follows; the length is known or an end is marked.
fn has_more(decoder: &mut Decoder<'_>, left: &mut Option<u64>) -> Result<bool, Error> {
    match left {
        Some(0) => Ok(false),
        Some(count) => {
            *count -= 1;
            Ok(true)
        }
        None if decoder.datatype()? == Type::Break => {
            decoder.set_position(decoder.position() + 1);
            Ok(false)
        }
        None => Ok(true),
    }
}

/// Writes an answer of that shape; what the shape does not know is written as it is.
pub(crate) fn encode(shape: Option<&Shape>, value: &Value) -> Result<Vec<u8>, encode::Error<Infallible>> {
    let mut encoder = Encoder::new(Vec::new());
    write(&mut encoder, shape, value)?;
    Ok(encoder.into_writer())
}

fn write(
    encoder: &mut Encoder<Vec<u8>>,
    shape: Option<&Shape>,
    value: &Value,
) -> Result<(), encode::Error<Infallible>> {
    let kind = shape.map(|shape| &shape.kind);
    match value {
        Value::Null => encoder.null()?.ok(),
        Value::Bool(value) => encoder.bool(*value)?.ok(),
        Value::Number(number) => {
            if matches!(kind, Some(Kind::Timestamp)) {
                encoder.tag(IanaTag::Timestamp)?.f64(number.as_f64().unwrap_or_default())?.ok()
            } else if let Some(whole) = number.as_i64() {
                encoder.i64(whole)?.ok()
            } else if let Some(whole) = number.as_u64() {
                encoder.u64(whole)?.ok()
            } else {
                encoder.f64(number.as_f64().unwrap_or_default())?.ok()
            }
        }
        Value::String(text) => match STANDARD.decode(text) {
            Ok(bytes) if matches!(kind, Some(Kind::Blob)) => encoder.bytes(&bytes)?.ok(),
            _ => encoder.str(text)?.ok(),
        },
        Value::Array(items) => {
            encoder.array(items.len() as u64)?;
            items.iter().try_for_each(|item| write(encoder, shape.and_then(Shape::element), item))
        }
        Value::Object(members) => {
            encoder.map(members.len() as u64)?;
            members.iter().try_for_each(|(name, value)| {
                encoder.str(name)?;
                let member = match kind {
                    Some(Kind::Structure(_)) => {
                        shape.and_then(|shape| shape.member(name)).map(|found| found.shape)
                    }
                    _ => shape.and_then(Shape::element),
                };
                write(encoder, member, value)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use coxswain_ecs_shapes::{cloud_map, kms};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let value = json!({"a": [1, -2, 1.5, true, null, "text"], "b": {"c": {}}, "d": []});
        assert_eq!(decode(&encode(None, &value).unwrap()).unwrap(), value);
    }

    #[test]
    fn the_examples_of_rfc_8949_are_read() {
        // Appendix A of the RFC, with keys that are texts.
        for (bytes, value) in [
            ("1bffffffffffffffff", json!(u64::MAX)),
            ("3903e7", json!(-1000)),
            ("fb3ff199999999999a", json!(1.1)),
            ("fa47c35000", json!(100_000)),
            ("c11a514b67b0", json!(1_363_896_240)),
            ("5f42010243030405ff", json!("AQIDBAU=")),
            ("7f657374726561646d696e67ff", json!("streaming")),
            ("9f018202039f0405ffff", json!([1, [2, 3], [4, 5]])),
            ("bf6346756ef563416d7421ff", json!({"Fun": true, "Amt": -2})),
        ] {
            assert_eq!(decode(&hex::decode(bytes).unwrap()).unwrap(), value, "{bytes}");
        }
    }

    #[test]
    fn what_no_client_sends_is_refused_and_never_read_too_deep() {
        for bytes in ["", "83", "a10102", "c074323031332d30332d3231", "0000", "ff", "61ff", "bf61"] {
            assert!(decode(&hex::decode(bytes).unwrap()).is_err(), "{bytes}");
        }
        assert!(decode(&vec![0x81; 100_000]).is_err(), "a list in a list in a list ...");
        assert!(decode(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err(), "a very long list");
    }

    #[test]
    fn a_timestamp_is_tagged_and_a_blob_is_bytes() {
        let operation = cloud_map().operation("GetNamespace").unwrap();
        let answer = json!({"Namespace": {"CreateDate": 5.5, "ServiceCount": 2}});
        let bytes = hex::encode(encode(Some(operation.output), &answer).unwrap());
        assert!(bytes.contains(&format!("{}c1fb4016000000000000", hex::encode("CreateDate"))), "{bytes}");
        assert!(bytes.ends_with(&format!("{}02", hex::encode("ServiceCount"))), "{bytes}");
        let operation = kms().operation("Sign").unwrap();
        let bytes = encode(Some(operation.output), &json!({"Signature": "AQI="})).unwrap();
        assert_eq!(hex::encode(bytes), format!("a169{}420102", hex::encode("Signature")));
    }
}
