//! Signatures by [Standard Webhooks](https://www.standardwebhooks.com): who has the secret knows that a message is ours.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What a secret begins with in writing.
const PREFIX: &str = "whsec_";

/// The fewest and the most bytes of a secret, by the standard.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Vec<u8>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(***)")
    }
}

/// The secrets of a file: one a line, the new one and the old one while it is replaced.
///
/// # Errors
///
/// Says what is wrong with the file, and repeats nothing of it.
pub fn keys(text: &str) -> Result<Vec<Key>, String> {
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    if !(1..=2).contains(&lines.len()) {
        return Err(format!("holds {} secrets: one, or two while one is replaced by the other", lines.len()));
    }
    lines.into_iter().map(key).collect()
}

fn key(line: &str) -> Result<Key, String> {
    let advice = "make one with `echo \"whsec_$(openssl rand -base64 32)\"`";
    let Some(encoded) = line.strip_prefix(PREFIX) else {
        return Err(format!("holds a secret that does not begin with {PREFIX}: {advice}"));
    };
    let bytes =
        STANDARD.decode(encoded).map_err(|_| format!("holds a secret that is no base64 behind {PREFIX}: {advice}"))?;
    if !LENGTHS.contains(&bytes.len()) {
        return Err(format!("holds a secret of {} bytes: 24 to 64 are good, {advice}", bytes.len()));
    }
    Ok(Key(bytes))
}

/// The header `webhook-signature`: one signature for each secret.
pub fn header(keys: &[Key], id: &str, seconds: i64, body: &[u8]) -> String {
    let signatures: Vec<String> = keys.iter().filter_map(|key| sign(key, id, seconds, body)).collect();
    signatures.join(" ")
}

fn sign(key: &Key, id: &str, seconds: i64, body: &[u8]) -> Option<String> {
    // Takes a key of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).ok()?;
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_own_example_is_signed_as_it_says() {
        let keys = keys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let signed = header(&keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn secrets_that_are_none_are_refused_and_not_repeated() {
        for text in ["", "hunter2hunter2hunter2", "whsec_???", "whsec_c2hvcnQ=", "whsec_a\nwhsec_b\nwhsec_c"] {
            let error = keys(text).expect_err(text);
            assert!(!error.contains("hunter2") && !error.contains("c2hvcnQ"), "{error}");
        }
        let two = "# the new one\nwhsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nwhsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
        let two = keys(two).expect("two");
        assert_eq!(header(&two, "a", 1, b"b").split(' ').count(), 2);
        assert_eq!(format!("{:?}", two[0]), "Key(***)");
    }
}
