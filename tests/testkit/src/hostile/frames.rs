//! The frames of HTTP/2 (RFC 9113), written by hand: what no library would send is sent, too.

/// What a client says first.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The types of frames.
pub mod kind {
    /// DATA.
    pub const DATA: u8 = 0;
    /// HEADERS.
    pub const HEADERS: u8 = 1;
    /// PRIORITY.
    pub const PRIORITY: u8 = 2;
    /// RST_STREAM.
    pub const RST_STREAM: u8 = 3;
    /// SETTINGS.
    pub const SETTINGS: u8 = 4;
    /// PING.
    pub const PING: u8 = 6;
    /// GOAWAY.
    pub const GOAWAY: u8 = 7;
    /// WINDOW_UPDATE.
    pub const WINDOW_UPDATE: u8 = 8;
    /// CONTINUATION.
    pub const CONTINUATION: u8 = 9;
}

/// END_STREAM of DATA and HEADERS, and ACK of SETTINGS and PING.
pub const END_STREAM: u8 = 1;
/// ACK of SETTINGS and PING.
pub const ACK: u8 = 1;
/// END_HEADERS.
pub const END_HEADERS: u8 = 4;

/// The setting INITIAL_WINDOW_SIZE.
pub const INITIAL_WINDOW_SIZE: u16 = 4;

/// The header of a frame is so long.
pub const HEADER_BYTES: usize = 9;

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// SETTINGS.
pub fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> =
        settings.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()[..]].concat()).collect();
    frame(kind::SETTINGS, 0, 0, &payload)
}

/// WINDOW_UPDATE; of stream 0 for the connection.
pub fn window_update(stream: u32, bytes: u32) -> Vec<u8> {
    frame(kind::WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes())
}

/// The headers of a gRPC call, as HPACK has them without any compression.
pub fn call_headers(path: &str) -> Vec<u8> {
    // POST, http, and then literals: the path, the authority, and what gRPC asks for.
    let mut headers = vec![0x83, 0x86, 0x04, u8::try_from(path.len()).unwrap_or(0x7f).min(0x7e)];
    headers.extend_from_slice(path.as_bytes());
    headers.extend_from_slice(b"\x01\x09localhost\x0f\x10\x10application/grpc\x00\x02te\x08trailers");
    headers
}

/// HEADERS of a gRPC call.
pub fn call(stream: u32, path: &str, end: bool) -> Vec<u8> {
    frame(kind::HEADERS, END_HEADERS | if end { END_STREAM } else { 0 }, stream, &call_headers(path))
}

/// A message behind gRPC's own header.
pub fn message(bytes: &[u8]) -> Vec<u8> {
    [&[0][..], &u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes()[..], bytes].concat()
}

/// DATA of a message, in frames of 16 KiB at most.
pub fn data(stream: u32, bytes: &[u8], end: bool) -> Vec<u8> {
    let pieces = bytes.len().div_ceil(16 << 10).max(1);
    let mut frames = Vec::with_capacity(bytes.len() + pieces * HEADER_BYTES);
    for place in 0..pieces {
        let piece = bytes.chunks(16 << 10).nth(place).unwrap_or_default();
        let flags = if end && place + 1 == pieces { END_STREAM } else { 0 };
        frames.extend(frame(kind::DATA, flags, stream, piece));
    }
    frames
}
