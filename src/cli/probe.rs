//! What it is that answers where a daemon should, and speaks no gRPC: told by the first bytes it says.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use tonic::transport::Uri;

/// So long it is waited for. A command has failed already, and somebody waits for the reason.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is said to it: something that servers of all sorts answer at once.
const GREETING: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// What speaks there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// TLS.
    Tls,
    /// HTTP/1.
    Http,
    /// Nothing, or nothing that is known.
    Nothing,
}

/// Asks what speaks at `http://HOST:PORT` or `unix:PATH`. Nothing if there is no telling, or it is HTTP/2 as it should.
pub fn probe(at: &str) -> Option<Speaks> {
    let said = match at.strip_prefix("unix:") {
        Some(path) => {
            let stream = UnixStream::connect(path).ok()?;
            stream.set_read_timeout(Some(PATIENCE)).ok()?;
            first_bytes(stream)
        }
        None => {
            let uri: Uri = at.strip_prefix("http://").and(at.parse().ok())?;
            let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
            let address = (host, uri.port_u16().unwrap_or(80)).to_socket_addrs().ok()?.next()?;
            let stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
            stream.set_read_timeout(Some(PATIENCE)).ok()?;
            first_bytes(stream)
        }
    };
    match said.as_slice() {
        // A record that holds an alert.
        [0x15, 0x03, ..] => Some(Speaks::Tls),
        [b'H', b'T', b'T', b'P', b'/'] => Some(Speaks::Http),
        // SETTINGS, or GOAWAY at once.
        [0, _, _, 4 | 7, ..] => None,
        _ => Some(Speaks::Nothing),
    }
}

fn first_bytes(mut stream: impl Read + Write) -> Vec<u8> {
    let mut said = Vec::new();
    if stream.write_all(GREETING).is_ok() {
        // What came before it failed counts.
        let _ = stream.take(5).read_to_end(&mut said);
    }
    said
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn reported(answer: &'static [u8]) -> Option<Speaks> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = format!("http://{}", listener.local_addr().expect("an address"));
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut asked = [0; 64];
            let _ = stream.read(&mut asked);
            let _ = stream.write_all(answer);
        });
        let reported = probe(&at);
        server.join().expect("it ended");
        reported
    }

    #[test]
    fn what_speaks_there_is_told_by_its_first_bytes() {
        assert_eq!(reported(b"HTTP/1.1 404 Not Found\r\n\r\n"), Some(Speaks::Http));
        assert_eq!(reported(&[0x15, 0x03, 0x01, 0, 2, 2, 22]), Some(Speaks::Tls));
        assert_eq!(reported(b"SSH-2.0-OpenSSH"), Some(Speaks::Nothing));
        assert_eq!(reported(b""), Some(Speaks::Nothing));
        assert_eq!(reported(&[0, 0, 18, 4, 0, 0, 0]), None, "HTTP/2");
        assert_eq!(probe("https://127.0.0.1:1"), None);
    }
}
