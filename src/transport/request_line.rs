//! Request lines of HTTP/1 that are not well-formed, where they ask for a call to 911.
//!
//! A switch's script that puts a name or a calling number into an address as it is sends blanks, quotes or bytes that are no
//! ASCII. HTTP's parser refuses such a line before anybody knows what it asks. For most requests that is right: what was meant
//! is a guess. A call to 911 is answered whatever the rest of the request says (47 CFR 64.6305(g)(5)), so its line is encoded
//! as RFC 3986 has it, and read.

/// The bytes of a request as they are to be read, where its line is not well-formed and asks for a call to 911. Nothing where
/// they are read as they came.
pub fn mended(request: &[u8]) -> Option<Vec<u8>> {
    let end = request.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = request.split_at(end);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let method_end = line.iter().position(|byte| *byte == b' ')?;
    let (method, target) = line.split_at(method_end);
    let target = target.get(1..)?;
    let version = [&b" HTTP/1.1"[..], b" HTTP/1.0"].into_iter().find(|version| target.ends_with(version))?;
    let target = target.strip_suffix(version)?;
    let is_token = !method.is_empty() && method.iter().all(u8::is_ascii_uppercase);
    let is_good = target.starts_with(b"/") && target.iter().copied().all(stands);
    if !is_token || is_good || target.starts_with(b"http") || !asks_for_emergency(target) {
        return None;
    }
    let mut mended = Vec::with_capacity(request.len() + 64);
    mended.extend_from_slice(method);
    mended.push(b' ');
    if !target.starts_with(b"/") {
        mended.push(b'/');
    }
    for byte in target.iter().copied() {
        match stands(byte) {
            true => mended.push(byte),
            false => mended.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    mended.extend_from_slice(version);
    mended.extend_from_slice(b"\r");
    mended.extend_from_slice(rest);
    Some(mended)
}

/// Whether a byte stands for itself in a path or a query (RFC 3986).
fn stands(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte)
}

fn asks_for_emergency(target: &[u8]) -> bool {
    const NAME: &[u8] = b"emergency";
    target.windows(NAME.len() + 1).any(|part| {
        matches!(part.first(), Some(b'?' | b'&')) && part.get(1..).is_some_and(|name| name.eq_ignore_ascii_case(NAME))
    })
}

#[cfg(test)]
mod tests {
    use super::mended;

    #[test]
    fn a_line_that_asks_for_a_call_to_911_is_encoded_and_every_other_stays() {
        let cases: [(&[u8], Option<&[u8]>); 9] = [
            (
                b"GET /v1/check/a b?emergency=true HTTP/1.1\r\nHost: x\r\n\r\n",
                Some(b"GET /v1/check/a%20b?emergency=true HTTP/1.1\r\nHost: x\r\n\r\n"),
            ),
            (
                b"POST /v1/check/x?caller_id=\"F <a>\"&EMERGENCY=1 HTTP/1.0\nrest",
                Some(b"POST /v1/check/x?caller_id=%22F%20%3Ca%3E%22&EMERGENCY=1 HTTP/1.0\r\nrest"),
            ),
            (b"GET v1/check/\xff?emergency HTTP/1.1\r\n\r\n", Some(b"GET /v1/check/%FF?emergency HTTP/1.1\r\n\r\n")),
            (b"GET /v1/check/a%20b?emergency=true HTTP/1.1\r\n\r\n", None),
            (b"GET /v1/check/a b HTTP/1.1\r\n\r\n", None),
            (b"GET /v1/check/a b?no_emergency=true HTTP/1.1\r\n\r\n", None),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", None),
            (b"GET /v1/check/a b?emergency=true", None),
            (b"{\"a b?emergency=true HTTP/1.1\n", None),
        ];
        for (request, expected) in cases {
            assert_eq!(mended(request).as_deref(), expected, "{}", String::from_utf8_lossy(request));
        }
    }
}
