//! The digests by which clients see that a message arrived as it was sent.

use aws_smithy_types::base64;
use md5::{Digest, Md5};
use serde_json::{Map, Value};

use crate::ecs::Members;

/// A text's MD5 in hexadecimal digits.
pub(super) fn of_body(body: &str) -> String {
    hex::encode(Md5::digest(body))
}

/// The MD5 of message attributes; `None` where there is none.
///
/// Sorted by name; name, type and value each behind its length in four bytes, and one byte between type
/// and value that says whether the value is text or binary. Source:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
pub(super) fn of_attributes(attributes: &Map<String, Value>) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut sorted: Vec<(&String, &Value)> = attributes.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    let mut encoded = Vec::new();
    for (name, attribute) in sorted {
        add(&mut encoded, name.as_bytes());
        add(&mut encoded, attribute.text("DataType").unwrap_or_default().as_bytes());
        if let Some(binary) = attribute.text("BinaryValue") {
            encoded.push(2);
            add(&mut encoded, &base64::decode(binary).unwrap_or_default());
        } else {
            encoded.push(1);
            add(&mut encoded, attribute.text("StringValue").unwrap_or_default().as_bytes());
        }
    }
    Some(hex::encode(Md5::digest(&encoded)))
}

fn add(encoded: &mut Vec<u8>, part: &[u8]) {
    encoded.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
    encoded.extend(part);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The expected digests were published with the package `aws-md5-of-message-attributes` 1.0 of npm.
    #[test]
    fn digests_are_those_that_clients_compute() {
        assert_eq!(of_body("hello"), "5d41402abc4b2a76b9719d911017c592");
        let text = json!({"DataType": "String", "StringValue": "attribValue 1"});
        let number = json!({"DataType": "Number.float",
            "StringValue": "4563442423554324324264524243.32543234"});
        let binary = json!({"DataType": "Binary", "BinaryValue": base64::encode("Hello binary world!")});
        let digest = |attributes: Value| of_attributes(attributes.as_object().unwrap());
        let alone = digest(json!({"attribName1": text.clone()}));
        assert_eq!(alone.as_deref(), Some("19e27d4e946b072f3f58da80d94fd778"));
        let alone = digest(json!({"binaryAttribute": binary.clone()}));
        assert_eq!(alone.as_deref(), Some("31a92b15d92f8db860eda32aceb656c3"));
        let all = json!({"attribName1": text, "customNumberTypeAttrib": number, "binaryAttribute": binary});
        assert_eq!(digest(all).as_deref(), Some("c932db14a896c663f83c260297d594ff"));
        assert_eq!(digest(json!({})), None);
    }
}
