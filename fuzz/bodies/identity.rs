//! Any text where a person or a filing names a provider.

use jiff::Timestamp;
use rmdd::domain::{Frn, Identity, Ocn, PeerName, RmdNumber, Who, read_other_frns};
use rmdd::records::fields::{read_end, read_past, read_time};

/// Reads the bytes as every kind of name and number.
pub fn identity(bytes: &[u8]) {
    let text = &*String::from_utf8_lossy(bytes);
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    // What a number is worth by its digits alone: another way than the readers'.
    let worth = digits.trim_start_matches('0');

    if let Ok(frn) = text.parse::<Frn>() {
        assert_eq!(frn.value().to_string(), worth, "{text:?}");
        assert!(digits.len() <= 10, "{text:?}");
        let written = frn.to_string();
        assert_eq!((written.len(), written.parse()), (10, Ok(frn)));
    }
    if let Ok(number) = text.parse::<RmdNumber>() {
        assert_eq!(number.value().to_string().trim_start_matches('0'), worth, "{text:?}");
        assert_eq!(number.to_string().parse(), Ok(number));
    }
    if let Ok(identity) = text.parse::<Identity>() {
        assert_eq!(identity.number_text().parse(), Ok(identity), "{text:?}");
        let either = (text.parse().map(Identity::Frn).ok(), text.parse().map(Identity::RmdNumber).ok());
        assert!(either == (Some(identity), None) || either == (None, Some(identity)), "{text:?} is one or the other");
    }
    if let Ok(ocn) = text.parse::<Ocn>() {
        assert_eq!(ocn.to_string().parse(), Ok(ocn));
    }
    if let Ok(peer) = text.parse::<PeerName>() {
        assert_eq!(peer.as_str().parse(), Ok(peer.clone()), "{text:?}: a name is the name of itself");
    }
    match Who::readings(text) {
        Ok(readings) => {
            let names = readings.names();
            let distinct = names.iter().enumerate().all(|(place, who)| !names[..place].contains(who));
            assert!(distinct, "{text:?}");
            for (bound, known) in [(&names[..0], false), (&names[..0], true), (names, false), (names, true)] {
                match readings.settle(bound, known) {
                    Ok(who) => {
                        let again = Who::readings(&who.in_full()).map(|again| again.likeliest());
                        assert_eq!(again, Ok(Some(who)), "{text:?}: its writing in full means it");
                    }
                    Err(error) => assert!(!error.to_string().is_empty()),
                }
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let others = read_other_frns(text);
    for (place, frn) in others.iter().enumerate() {
        assert!(digits.contains(&frn.value().to_string()), "{text:?}: {frn} is made up");
        assert!(!others[..place].contains(frn), "{text:?}: {frn} twice");
    }
    for read in [read_time(text), read_end(text), read_past(text, Timestamp::UNIX_EPOCH)].into_iter().flatten() {
        assert_eq!(read_time(&read.to_string()), Ok(read), "{text:?}");
    }
}
