//! What a channel must keep to itself, and texts of others without it.
//!
//! The other end may answer with what it was sent: a page that says that `/services/T000/B000/KEY` is not there, or a body
//! that repeats the routing key. Whatever it says goes through [`Secrets::masked`] before it is kept, logged or shown.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::Url;

/// What stands where a secret stood.
const MASK: &str = "***";

/// A part of an address is a secret by itself if it has so many characters.
const PART: usize = 6;

/// A piece of base64 that says something has so many characters.
const ENCODED: usize = 6;

/// As `encodeURIComponent` has it.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// As paths have it.
const PATH: &AsciiSet = &COMPONENT.remove(b'/');

/// The secrets of a channel, in every spelling in which another end may repeat them. They are never shown.
#[derive(Clone, Default)]
pub struct Secrets {
    /// In lower case: hexadecimal digits and hosts change theirs on the way.
    spellings: Vec<String>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.spellings.len())
    }
}

impl Secrets {
    /// What is secret of an address: all behind its host, and who logs in.
    pub fn of_url(url: &Url) -> Self {
        let mut secrets = Self::default();
        let path = url.path();
        if path.len() > 1 {
            secrets.add(path);
        }
        for part in [path.trim_matches('/')].into_iter().chain(path.split('/')) {
            secrets.add_part(part);
        }
        if let Some(query) = url.query().filter(|query| !query.is_empty()) {
            secrets.add(&format!("?{query}"));
            if query.len() > 2 {
                secrets.add(query);
            }
            for pair in query.split('&') {
                secrets.add_part(pair.split_once('=').map_or(pair, |(_, value)| value));
            }
            for (_, value) in url.query_pairs() {
                secrets.add_part(&value);
            }
        }
        for text in [url.username(), url.password().unwrap_or_default()] {
            secrets.add(text);
        }
        secrets
    }

    /// And the secrets of a file, one a line: signing secrets or a routing key.
    pub fn with_lines(mut self, text: &str) -> Self {
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            self.add(line);
            if let Some((_, key)) = line.split_once("whsec_") {
                self.add(key);
                self.add(key.trim_end_matches('='));
            }
        }
        self
    }

    /// And a user's password, also as mail servers are told it.
    pub fn with_login(mut self, user: &str, password: &str) -> Self {
        self.add(password);
        self.add(&format!("\0{user}\0{password}"));
        self
    }

    /// What may be secret of a program's arguments: all but the names of its options, and what is too short to be a key.
    pub fn of_arguments(arguments: &[String]) -> Self {
        let mut secrets = Self::default();
        for argument in arguments {
            let value = match argument.split_once('=') {
                Some((name, value)) if name.starts_with('-') => value,
                _ if argument.starts_with('-') => continue,
                _ => argument,
            };
            if value.chars().count() >= PART {
                secrets.add(value);
            }
        }
        secrets
    }

    fn add_part(&mut self, part: &str) {
        if percent_decode_str(part).decode_utf8_lossy().chars().count() >= PART {
            self.add(part);
        }
    }

    /// Adds a secret in its spellings.
    fn add(&mut self, secret: &str) {
        if secret.is_empty() {
            return;
        }
        let decoded = percent_decode_str(secret).decode_utf8_lossy().into_owned();
        for text in [secret, decoded.as_str()] {
            let json = serde_json::to_string(text).unwrap_or_default();
            let json = json.trim_matches('"').to_owned();
            let html = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
            self.keep(text);
            self.keep(&json.replace('/', "\\/"));
            self.keep(&json);
            self.keep(&html.replace('\'', "&#39;"));
            self.keep(&html);
            for set in [NON_ALPHANUMERIC, COMPONENT, PATH] {
                let encoded = utf8_percent_encode(text, set).to_string();
                self.keep(&encoded.replace("%20", "+"));
                self.keep(&encoded);
            }
            self.keep_encoded(text.as_bytes());
        }
    }

    /// In base64, wherever in what was encoded it stood.
    fn keep_encoded(&mut self, secret: &[u8]) {
        for before in 0..3usize {
            let bytes: Vec<u8> = std::iter::repeat_n(0, before).chain(secret.iter().copied()).collect();
            // The digits that hold nothing but the secret.
            let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
            for digits in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
                if let Some(digits) = digits.get(from..to).filter(|digits| digits.len() >= ENCODED) {
                    self.keep(digits);
                }
                // All of it, to the last digit, where it was encoded alone.
                if before == 0 && digits.len() >= ENCODED {
                    self.keep(&digits);
                }
            }
        }
    }

    fn keep(&mut self, spelling: &str) {
        let spelling = spelling.to_ascii_lowercase();
        if !spelling.is_empty() && !self.spellings.contains(&spelling) {
            self.spellings.push(spelling);
        }
    }

    /// A text without the secrets.
    pub fn masked(&self, text: &str) -> String {
        let lower = text.to_ascii_lowercase();
        let mut found: Vec<(usize, usize)> = Vec::new();
        for spelling in &self.spellings {
            found.extend(lower.match_indices(spelling.as_str()).map(|(at, _)| (at, at + spelling.len())));
        }
        found.sort_unstable();
        let (mut shown, mut upto) = (String::with_capacity(text.len()), 0);
        for (from, to) in found {
            if from > upto || (from == 0 && upto == 0) {
                shown.push_str(text.get(upto..from).unwrap_or_default());
                shown.push_str(MASK);
            }
            upto = upto.max(to);
        }
        shown + text.get(upto..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook() -> Secrets {
        let url = Url::parse("https://hooks.example/services/T000/B000/SEKRET%2FKEY?token=Qu%2Fery%20Sekret&v=2");
        Secrets::of_url(&url.expect("a URL")).with_lines("# old\nwhsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    }

    #[test]
    fn what_the_other_end_repeats_of_an_address_or_a_secret_is_masked_in_every_spelling() {
        let secrets = hook();
        let body = URL_SAFE_NO_PAD.encode("POST SEKRET/KEY now");
        for said in [
            "Cannot POST /services/T000/B000/SEKRET%2FKEY",
            "no route services/T000/B000/SEKRET/KEY here",
            "SEKRET%2fKEY, sekret%2Fkey, SEKRET\\/KEY",
            "token=Qu%2Fery%20Sekret&amp;v=2",
            "token was Qu/ery Sekret or Qu%2Fery+Sekret",
            "signed with MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw?",
            body.as_str(),
        ] {
            let shown = secrets.masked(said);
            assert!(shown.contains(MASK), "{said} -> {shown}");
            for secret in ["sekret", "t000", "b000", "mfkq"] {
                assert!(!shown.to_ascii_lowercase().contains(secret), "{said} -> {shown}");
            }
        }
        assert_eq!(secrets.masked("404 page not found"), "404 page not found");
        assert_eq!(secrets.masked("/services/T000/B000/SEKRET%2FKEY: no ü"), "***: no ü");
        assert!(!format!("{secrets:?}").contains("sekret"));
    }

    #[test]
    fn a_password_is_masked_as_a_mail_server_repeats_it() {
        let secrets = Secrets::default().with_login("rmdd", "hunter2&more");
        for said in [
            "535 hunter2&more is wrong".to_owned(),
            format!("535 {} is wrong", base64::engine::general_purpose::STANDARD.encode("hunter2&more")),
            format!("535 {} is wrong", base64::engine::general_purpose::STANDARD.encode("\0rmdd\0hunter2&more")),
        ] {
            let shown = secrets.masked(&said);
            assert!(shown.starts_with("535 ***") && shown.ends_with(" is wrong"), "{said} -> {shown}");
        }
    }

    #[test]
    fn what_a_program_repeats_of_its_arguments_is_masked() {
        let arguments = ["--token", "SEKRET-1", "--key=SEKRET-2", "--queue", "voice"].map(str::to_owned);
        let secrets = Secrets::of_arguments(&arguments);
        let said = secrets.masked("usage: --token SEKRET-1 --key=SEKRET-2 --queue voice");
        assert_eq!(said, "usage: --token *** --key=*** --queue voice");
    }

    #[test]
    fn an_address_with_nothing_behind_its_host_masks_nothing() {
        let url = Url::parse("http://127.0.0.1:9093/").expect("a URL");
        assert_eq!(Secrets::of_url(&url).masked("a / b"), "a / b");
    }
}
