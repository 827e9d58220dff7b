//! Where the requests of an HTTP/1 connection begin, however they are cut into pieces on their way.
//!
//! Whether a request asks for a call to 911, and so is to be read though it is not well-formed ([`mended`]), can be told only of
//! its whole head. A switch's network cuts a head anywhere, and a client that sends many requests at once has them cut by the
//! size of a packet: so a head is held until all of it is there, and what is held is never taken for a request of its own.

use super::request_line::{begins, mended};

/// A head that is longer is given to the parser as it comes, which refuses it.
const MOST_HELD: usize = 24 << 10;

/// The version that a connection of HTTP/2 names before all else.
const HTTP2: &[u8] = b"PRI * HTTP/2";

/// What comes next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The head of a request.
    #[default]
    Head,
    /// So many bytes of a body.
    Body(u64),
    /// What is not looked at: HTTP/2, no HTTP, or a body whose end the parser alone knows.
    Anything,
}

/// What has come of the requests of a connection.
#[derive(Debug, Default)]
pub(super) struct Heads {
    next: Next,
    /// A head of which not all is here.
    held: Vec<u8>,
}

impl Heads {
    /// Of a connection over which no HTTP/1 comes.
    pub(super) fn none() -> Self {
        Self { next: Next::Anything, held: Vec::new() }
    }

    /// Whether bytes are to be handed on as they are.
    pub(super) fn is_over(&self) -> bool {
        self.next == Next::Anything
    }

    /// Whether a request has begun of which not all is here.
    pub(super) fn has_begun(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes what came, and adds what of it is to be read by now.
    pub(super) fn take(&mut self, came: &[u8], read: &mut Vec<u8>) {
        if self.held.is_empty() {
            let held = self.walk(came, read);
            self.held.extend_from_slice(held);
            return;
        }
        let mut all = std::mem::take(&mut self.held);
        all.extend_from_slice(came);
        // A head ends with a line: one that comes byte by byte is not looked through for each of them.
        if all.len() <= MOST_HELD && !came.contains(&b'\n') {
            self.held = all;
            return;
        }
        let held = self.walk(&all, read);
        self.held.extend_from_slice(held);
    }

    /// Nothing more comes: what is held is to be read as it is.
    pub(super) fn end(&mut self, read: &mut Vec<u8>) {
        read.append(&mut self.held);
        self.next = Next::Anything;
    }

    /// Adds what is to be read, and returns the head of which not all is here.
    fn walk<'a>(&mut self, mut rest: &'a [u8], read: &mut Vec<u8>) -> &'a [u8] {
        while let Some(first) = rest.first() {
            match self.next {
                Next::Anything => {
                    read.extend_from_slice(rest);
                    return &[];
                }
                Next::Body(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    let (body, behind) = rest.split_at(here);
                    read.extend_from_slice(body);
                    rest = behind;
                    let left = left - here as u64;
                    self.next = if left == 0 { Next::Head } else { Next::Body(left) };
                }
                // Lines without anything may stand before a request (RFC 9112, 2.2).
                Next::Head if matches!(first, b'\r' | b'\n') => {
                    read.push(*first);
                    rest = rest.get(1..).unwrap_or_default();
                }
                Next::Head if !begins(*first) => self.next = Next::Anything,
                Next::Head => match end_of_head(rest) {
                    _ if rest.starts_with(HTTP2) => self.next = Next::Anything,
                    Some(end) => {
                        let (head, behind) = rest.split_at(end);
                        self.next = behind_head(head);
                        match mended(head) {
                            Some(mended) => read.extend_from_slice(&mended),
                            None => read.extend_from_slice(head),
                        }
                        rest = behind;
                    }
                    None if rest.len() > MOST_HELD => self.next = Next::Anything,
                    None => return rest,
                },
            }
        }
        &[]
    }
}

/// The length of a head: up to the first line without anything.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == b'\n')? + 1;
        match bytes.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}

/// What follows a head, by what it says of a body.
fn behind_head(head: &[u8]) -> Next {
    let mut length = None;
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        let is = |name: &[u8]| {
            line.split_at_checked(name.len()).is_some_and(|(begins, rest)| {
                begins.eq_ignore_ascii_case(name) && matches!(rest.first(), Some(b':' | b' ' | b'\t'))
            })
        };
        if is(b"transfer-encoding") || is(b"upgrade") {
            return Next::Anything;
        }
        if is(b"content-length") {
            let value = line.splitn(2, |byte| *byte == b':').nth(1).unwrap_or_default().trim_ascii();
            let digits = value.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(value).ok()?.parse().ok());
            match (length, digits.flatten()) {
                (None, Some(said)) => length = Some(said),
                // What the parser makes of it is its affair; it closes the connection behind it.
                _ => return Next::Anything,
            }
        }
    }
    match length {
        None | Some(0) => Next::Head,
        Some(length) => Next::Body(length),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is read of bytes that come in these pieces, and what is held at the end.
    fn read(pieces: &[&[u8]]) -> (String, usize) {
        let (mut heads, mut read) = (Heads::default(), Vec::new());
        for piece in pieces {
            heads.take(piece, &mut read);
        }
        (String::from_utf8_lossy(&read).into_owned(), heads.held.len())
    }

    const MANY: &[u8] =
        b"GET /a?emergency=true HTTP/1.1\r\nHost: x\r\nReferer: http://x/v1/check/1?emergency=true\r\n\r\n\
        POST /b c?x&emergency=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 17\r\n\r\nGET ?emergency=1\n\
        \r\nGET /d HTTP/1.1\r\nX: GET /v1/check/1?emergency=true HTTP/1.1\r\n\r\n\
        GET /e f?emergency=yes\n\nGET /g?emergency HTTP/1.1\r\nno header\r\nHost: x\r\n\r\n";

    const READ: &str = "GET /a?emergency=true HTTP/1.1\r\nHost: x\r\nReferer: http://x/v1/check/1?emergency=true\r\n\r\n\
        POST /b%20c?x&emergency=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 17\r\n\r\nGET ?emergency=1\n\
        \r\nGET /d HTTP/1.1\r\nX: GET /v1/check/1?emergency=true HTTP/1.1\r\n\r\n\
        GET /e%20f?emergency=yes HTTP/1.0\r\n\nGET /g?emergency HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

    #[test]
    fn requests_are_read_the_same_wherever_they_are_cut() {
        assert_eq!(read(&[MANY]), (READ.to_owned(), 0));
        for cut in 0..MANY.len() {
            assert_eq!(read(&[&MANY[..cut], &MANY[cut..]]).0, READ, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = MANY.chunks(1).collect();
        assert_eq!(read(&bytes), (READ.to_owned(), 0));
    }

    #[test]
    fn what_is_no_request_of_http1_or_has_no_end_that_is_known_is_handed_on_as_it_comes() {
        for bytes in [
            &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nA?emergency=true x\r\n\r\n"[..],
            b"\x16\x03\x01?emergency=1 x\r\n\r\n",
            b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nGET /b c?emergency=1\r\n\r\n",
            b"POST /a HTTP/1.1\r\nContent-Length: +5\r\n\r\nGET /b c?emergency=1\r\n\r\n",
            b"POST /a HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nGET /b c?emergency=1\r\n\r\n",
        ] {
            let (all, held) = read(&[bytes]);
            assert_eq!((all.as_str(), held), (String::from_utf8_lossy(bytes).as_ref(), 0));
        }
        // One that ends in the midst of a head is refused by the parser, and one that has no end is not kept.
        let (mut heads, mut all) = (Heads::default(), Vec::new());
        heads.take(b"GET /a?emergency=true HT", &mut all);
        assert!(heads.has_begun() && all.is_empty());
        heads.end(&mut all);
        assert_eq!(all, b"GET /a?emergency=true HT");
        let long = vec![b'x'; MOST_HELD + 1];
        assert_eq!(read(&[&long]), (String::from_utf8_lossy(&long).into_owned(), 0));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_made_up_of_bytes_that_ask_for_nothing(
            pieces in prop::collection::vec(prop::collection::vec(prop::sample::select(&b"GET /\r\n: 5x\0"[..]), 0..20), 0..20),
        ) {
            let (mut heads, mut all) = (Heads::default(), Vec::new());
            for piece in &pieces {
                heads.take(piece, &mut all);
            }
            heads.end(&mut all);
            prop_assert_eq!(all, pieces.concat());
        }
    }
}
