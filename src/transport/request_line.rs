//! Requests of HTTP/1 whose line or headers are not well-formed, where they ask for a call to 911.
//!
//! A switch's script that puts a name or a calling number into an address as it is sends blanks, quotes or bytes that are no
//! ASCII. HTTP's parser refuses such a line before anybody knows what it asks. For most requests that is right: what was meant
//! is a guess. A call to 911 is answered whatever the rest of the request says (47 CFR 64.6305(g)(5)), so its line is encoded
//! as RFC 3986 has it, and read.

/// The head of a request as it is to be read, where its line or its headers are not well-formed and it asks for a call to 911.
/// Nothing where it is read as it came.
pub(super) fn mended(request: &[u8]) -> Option<Vec<u8>> {
    let end = request.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = request.split_at(end);
    let rest = rest.get(1..)?;
    if !line.first().copied().is_some_and(begins) || !asks_for_emergency(line) {
        return None;
    }
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let headers = well_formed(rest);
    let mut mended = mended_line(line, headers.is_some())?;
    match headers {
        Some(headers) => mended.extend_from_slice(&headers),
        None => mended.extend_from_slice(rest),
    }
    Some(mended)
}

/// A request line with its end; nothing where it is well-formed, unless it is wanted all the same.
fn mended_line(line: &[u8], all_the_same: bool) -> Option<Vec<u8>> {
    let text = line.trim_ascii_start();
    let (method, target) = match text.iter().position(|byte| b" \t".contains(byte)) {
        Some(end) => (text.get(..end)?, text.get(end + 1..)?),
        None => (&[][..], text),
    };
    let (target, version) = match target.iter().rposition(|byte| *byte == b' ').map(|at| target.split_at(at)) {
        Some((target, b" HTTP/1.1")) => (target, Some(&b"HTTP/1.1"[..])),
        Some((target, b" HTTP/1.0")) => (target, Some(&b"HTTP/1.0"[..])),
        Some((target, version)) if version.starts_with(b" HTTP") => (target, None),
        _ => (target, None),
    };
    let is_token = !method.is_empty() && method.iter().copied().all(is_of_token);
    let path = path_of(target);
    // What stands in the name of a machine is left to the parser, such as the brackets of [::1].
    let stands_as_it_is = path.starts_with(b"/") && path.iter().copied().all(stands);
    if is_token && stands_as_it_is && version.is_some() && text.len() == line.len() && !all_the_same {
        return None;
    }
    let mut mended = Vec::with_capacity(line.len() + 64);
    mended.extend_from_slice(if is_token { method } else { b"GET" });
    mended.push(b' ');
    if stands_as_it_is {
        mended.extend_from_slice(target);
    } else {
        if !path.starts_with(b"/") {
            mended.push(b'/');
        }
        for byte in path.iter().copied() {
            match stands(byte) {
                true => mended.push(byte),
                false => mended.extend_from_slice(format!("%{byte:02X}").as_bytes()),
            }
        }
    }
    mended.push(b' ');
    // Whoever names none takes one answer and the end of the connection.
    mended.extend_from_slice(version.unwrap_or(b"HTTP/1.0"));
    mended.extend_from_slice(b"\r\n");
    Some(mended)
}

/// What a target asks of this machine: behind the scheme and the name, where they stand before it (`GET http://x/v1/...`).
fn path_of(target: &[u8]) -> &[u8] {
    for scheme in [&b"http://"[..], b"https://"] {
        if let Some((begins, named)) = target.split_at_checked(scheme.len())
            && begins.eq_ignore_ascii_case(scheme)
        {
            let end = named.iter().position(|byte| b"/?".contains(byte)).unwrap_or(named.len());
            return named.get(end..).unwrap_or_default();
        }
    }
    target
}

/// The headers without the lines that are none, and with a word that the connection ends behind the answer: where such a line
/// was to tell how long the body is, nobody knows where the next request begins. Nothing if all are well-formed, or not all
/// of them are here.
fn well_formed(rest: &[u8]) -> Option<Vec<u8>> {
    let (mut kept, mut at, mut all_good) = (Vec::with_capacity(rest.len() + 32), 0, true);
    loop {
        let length = rest.get(at..)?.iter().position(|byte| *byte == b'\n')?;
        let line = rest.get(at..at + length)?;
        let bare = line.strip_suffix(b"\r").unwrap_or(line);
        at += length + 1;
        if bare.is_empty() {
            break;
        }
        if is_header(bare) {
            kept.extend_from_slice(bare);
            kept.extend_from_slice(b"\r\n");
        } else {
            all_good = false;
        }
    }
    kept.extend_from_slice(b"Connection: close\r\n\r\n");
    kept.extend_from_slice(rest.get(at..)?);
    (!all_good).then_some(kept)
}

fn is_header(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else { return false };
    let (name, value) = line.split_at(colon);
    !name.is_empty()
        && name.iter().copied().all(is_of_token)
        && value.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control())
}

/// Whether a byte may begin a request: what is no text is no HTTP/1, such as TLS, or a frame of HTTP/2.
pub(super) fn begins(byte: u8) -> bool {
    byte.is_ascii_graphic() || byte == b' '
}

/// Whether a byte may be part of a method or of the name of a header (RFC 9110).
fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether a byte stands for itself in a path or a query (RFC 3986).
pub(super) fn stands(byte: u8) -> bool {
    // Each byte of every request is looked up.
    const STANDS: [bool; 256] = {
        let (mut stands, mut byte) = ([false; 256], 0u8);
        while byte < u8::MAX {
            let is_sign = matches!(
                byte,
                b'-' | b'.'
                    | b'_'
                    | b'~'
                    | b'!'
                    | b'$'
                    | b'&'
                    | b'\''
                    | b'('
                    | b')'
                    | b'*'
                    | b'+'
                    | b','
                    | b';'
                    | b'='
                    | b':'
                    | b'@'
                    | b'/'
                    | b'?'
                    | b'%'
            );
            stands[byte as usize] = byte.is_ascii_alphanumeric() || is_sign;
            byte += 1;
        }
        stands
    };
    STANDS.get(usize::from(byte)).is_some_and(|stands| *stands)
}

/// Whether all bytes may stand in a host and its port (RFC 3986, 3.2.2). It may be empty.
pub fn is_host(host: &[u8]) -> bool {
    host.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%:[]".contains(byte))
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
        let cases: [(&[u8], Option<&[u8]>); 22] = [
            (
                b"GET http://x/v1/check?called=911&emergency=true&\xff HTTP/1.1\r\n\r\n",
                Some(b"GET /v1/check?called=911&emergency=true&%FF HTTP/1.1\r\n\r\n"),
            ),
            (b"GET HTTPS://[::1]:1?emergency=\" HTTP/1.1\r\n\r\n", Some(b"GET /?emergency=%22 HTTP/1.1\r\n\r\n")),
            (b"GET http://[::1]:1/x?emergency=true HTTP/1.1\r\n\r\n", None),
            (
                b"GET http://[::1]:1/x?emergency=true HTTP/1.1\r\nno header\r\n\r\n",
                Some(b"GET http://[::1]:1/x?emergency=true HTTP/1.1\r\nConnection: close\r\n\r\n"),
            ),
            (b"GET http?emergency=true HTTP/1.1\r\n\r\n", Some(b"GET /http?emergency=true HTTP/1.1\r\n\r\n")),
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
            (b"\0{\"a b?emergency=true HTTP/1.1\n", None),
            (b"G@T /x?emergency=true HTTP/1.1\r\n\r\n", Some(b"GET /x?emergency=true HTTP/1.1\r\n\r\n")),
            (b" get /x?emergency=true HTTP/1.1\r\n\r\n", Some(b"get /x?emergency=true HTTP/1.1\r\n\r\n")),
            (b"GET /x?emergency=true HTTP/2.0\r\n\r\n", Some(b"GET /x?emergency=true HTTP/1.0\r\n\r\n")),
            (b"GET /x y?emergency=true\n\n", Some(b"GET /x%20y?emergency=true HTTP/1.0\r\n\n")),
            (b"/x?emergency=true\n\n", Some(b"GET /x?emergency=true HTTP/1.0\r\n\n")),
            (
                b"GET /x?emergency=true HTTP/1.1\r\nHost: x\r\nno header\r\nContent-Length : 3\r\nA: \x01\r\n\r\nabc",
                Some(b"GET /x?emergency=true HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nabc"),
            ),
            (b"GET /x?emergency=true HTTP/1.1\r\nHost: x\r\nno header\r\n", None),
            (b"GET /x HTTP/1.1\r\nno header\r\n\r\n", None),
        ];
        for (request, expected) in cases {
            assert_eq!(mended(request).as_deref(), expected, "{}", String::from_utf8_lossy(request));
        }
    }
}
