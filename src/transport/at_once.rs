//! HTTP/1.1 as nearly all switches speak it: a GET whose head comes in one piece and has no body, answered from memory.
//!
//! What a server does around such a request (a future, maps of headers, a body in frames, timers) costs more than its answer.
//! So it is read here, answered by [`Respond::respond_at_once`] and written in one go. Whatever is anything else, however
//! slightly, goes to hyper with all its bytes, and the connection with it, for good: nothing is refused here, and nothing is
//! guessed. So an answer is the same to the byte by both ways, its date apart.

use std::cell::RefCell;
use std::io::{self, Write as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONNECTION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

use super::activity::UnderWay;
use super::io::Watched;
use super::request_line::{is_host, stands};
use super::{Caller, Respond};

/// So many bytes of requests are read at a time: what hyper begins with, too.
const ROOM: usize = 8 << 10;

/// After so many steps, of which an answer takes two or three, the other connections of the thread have their turn.
const STEPS: usize = 32;

/// A head with more headers goes to hyper.
const MOST_HEADERS: usize = 24;

/// Headers by which no answer differs. All others are looked up by whoever answers.
const UNREAD: [&str; 5] = ["host", "user-agent", "accept-encoding", "accept-language", "connection"];

/// Headers of a request that has a body, or wants something else than an answer.
const NOT_HERE: [&str; 8] =
    ["content-length", "transfer-encoding", "trailer", "te", "upgrade", "expect", "http2-settings", "proxy-connection"];

/// A GET without a body.
#[derive(Debug)]
pub struct Get<'a> {
    /// The path, of characters that stand there by RFC 3986.
    pub path: &'a str,
    /// What follows the question mark, of the same.
    pub query: Option<&'a str>,
    /// Its headers, but those by which no answer differs.
    pub headers: HeaderMap,
}

/// A whole head that was read.
struct Head<'a> {
    get: Get<'a>,
    /// Its bytes.
    length: usize,
    /// Whether the client wants the connection closed behind the answer.
    closes: bool,
}

/// The head that stands at the beginning, if it is one of these.
fn head(bytes: &[u8]) -> Option<Head<'_>> {
    if !bytes.starts_with(b"GET /") {
        return None;
    }
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = request.parse(bytes).ok()? else { return None };
    let target = request.path.filter(|target| target.bytes().all(stands))?;
    if request.version != Some(1) {
        return None;
    }
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let (mut kept, mut hosts, mut connection) = (HeaderMap::new(), 0, None);
    for header in request.headers.iter() {
        let is = |name: &&str| header.name.eq_ignore_ascii_case(name);
        if NOT_HERE.iter().any(is) {
            return None;
        }
        if is(&HOST.as_str()) {
            // One that is none is refused, by the way of all others.
            hosts += if is_host(header.value) { 1 } else { 2 };
        } else if is(&CONNECTION.as_str()) && connection.replace(header.value).is_some() {
            return None;
        } else if !UNREAD.iter().any(is) {
            let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
            kept.append(name, HeaderValue::from_bytes(header.value).ok()?);
        }
    }
    let closes = match connection {
        None => false,
        Some(value) if value.eq_ignore_ascii_case(b"keep-alive") => false,
        Some(value) if value.eq_ignore_ascii_case(b"close") => true,
        Some(_) => return None,
    };
    (hosts == 1).then_some(Head { get: Get { path, query, headers: kept }, length, closes })
}

/// Writes an answer as hyper does.
fn write(into: &mut Vec<u8>, answer: &Response<Bytes>, closes: bool) {
    let (status, body) = (answer.status(), answer.body());
    into.reserve(512 + body.len());
    if status == StatusCode::OK {
        into.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    } else {
        let reason = status.canonical_reason().unwrap_or("<none>");
        // Nothing fails that is written to memory.
        let _ = write!(into, "HTTP/1.1 {} {reason}\r\n", status.as_str());
    }
    for (name, value) in answer.headers() {
        line(into, name.as_str(), value.as_bytes());
    }
    if closes {
        line(into, CONNECTION.as_str(), b"close");
    }
    let _ = write!(into, "content-length: {}\r\n", body.len());
    #[expect(clippy::disallowed_methods, reason = "a header has the machine's own time, and nothing is decided by it")]
    let now = SystemTime::now();
    DATE.with_borrow_mut(|date| line(into, "date", date.at(now)));
    into.extend_from_slice(b"\r\n");
    into.extend_from_slice(body);
}

fn line(into: &mut Vec<u8>, name: &str, value: &[u8]) {
    into.extend_from_slice(name.as_bytes());
    into.extend_from_slice(b": ");
    into.extend_from_slice(value);
    into.extend_from_slice(b"\r\n");
}

/// The date as a header has it, written once a second.
struct Date {
    text: String,
    until: SystemTime,
}

thread_local! {
    static DATE: RefCell<Date> = const { RefCell::new(Date { text: String::new(), until: SystemTime::UNIX_EPOCH }) };
}

impl Date {
    fn at(&mut self, now: SystemTime) -> &[u8] {
        let left = self.until.duration_since(now).unwrap_or_default();
        // A clock that was set back is followed, too.
        if left.is_zero() || left > Duration::from_secs(1) {
            let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            self.text = httpdate::fmt_http_date(now);
            self.until = SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs() + 1);
        }
        self.text.as_bytes()
    }
}

/// How the service of a connection at once ends.
pub(super) enum End<S> {
    /// With the connection.
    Closed,
    /// What came is for hyper: the socket gives it once more. Whether there were answers before.
    HandedOver(Box<Watched<S>>, bool),
}

/// A connection whose requests are answered at once, until one comes that is not to be.
pub(super) struct AtOnce<S, R> {
    /// Nothing once it was handed over.
    socket: Option<Watched<S>>,
    service: Arc<R>,
    caller: Arc<Caller>,
    stopping: CancellationToken,
    /// What came: from where it is not answered yet, to its end.
    came: Box<[u8]>,
    begin: usize,
    end: usize,
    /// The answer under way, and how much of it was written.
    answer: Vec<u8>,
    written: usize,
    under_way: Option<UnderWay>,
    has_answered: bool,
    closes: bool,
}

impl<S, R: Respond> AtOnce<S, R> {
    pub(super) fn new(socket: Watched<S>, service: Arc<R>, caller: Arc<Caller>, stopping: CancellationToken) -> Self {
        Self {
            socket: Some(socket),
            service,
            caller,
            stopping,
            came: Box::default(),
            begin: 0,
            end: 0,
            answer: Vec::new(),
            written: 0,
            under_way: None,
            has_answered: false,
            closes: false,
        }
    }

    /// Ends the connection once what is under way is written.
    pub(super) fn close(&mut self) {
        self.closes = true;
    }

    /// Makes the answer to the next request that came; false where it is for hyper, as all are while the daemon stops: there
    /// the answer says that the connection ends.
    fn answer_next(&mut self) -> bool {
        if self.stopping.is_cancelled() {
            return false;
        }
        let came = self.came.get(self.begin..self.end).unwrap_or_default();
        let Some(head) = head(came).filter(|head| self.service.is_at_once(&head.get)) else { return false };
        let under_way = self.caller.activity.request();
        let Some(answer) = self.service.respond_at_once(&head.get, &self.caller) else { return false };
        // Nor does one that makes room wait for another question.
        let closes = head.closes || self.caller.activity.is_leaving();
        write(&mut self.answer, &answer, closes);
        self.under_way = Some(under_way);
        self.begin += head.length;
        self.closes |= closes;
        self.has_answered = true;
        true
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, R: Respond> AtOnce<S, R> {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End<S>> {
        for _ in 0..STEPS {
            match ready!(self.poll_step(cx)) {
                Ok(true) => {}
                Ok(false) => {
                    let Some(mut socket) = self.socket.take() else { return Poll::Ready(End::Closed) };
                    socket.unread(self.came.get(self.begin..self.end).unwrap_or_default());
                    return Poll::Ready(End::HandedOver(Box::new(socket), self.has_answered));
                }
                // How it ended is the client's affair.
                Err(_) => return Poll::Ready(End::Closed),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes, ends, answers or reads, in this order; false where the rest is for hyper.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let Some(socket) = &mut self.socket else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        let mut socket = Pin::new(socket);
        if self.under_way.is_some() {
            while let Some(rest) = self.answer.get(self.written..).filter(|rest| !rest.is_empty()) {
                match ready!(socket.as_mut().poll_write(cx, rest))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    written => self.written += written,
                }
            }
            ready!(socket.as_mut().poll_flush(cx))?;
            self.answer.clear();
            self.written = 0;
            self.under_way = None;
        }
        if self.closes {
            ready!(socket.as_mut().poll_shutdown(cx))?;
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        }
        if self.begin < self.end {
            return Poll::Ready(Ok(self.answer_next()));
        }
        if self.came.is_empty() {
            self.came = vec![0; ROOM].into();
        }
        let mut room = ReadBuf::new(&mut self.came);
        match socket.as_mut().poll_read(cx, &mut room) {
            // Half a head has come: hyper knows how long the rest of it may take.
            Poll::Pending if socket.has_begun() => return Poll::Ready(Ok(false)),
            polled => ready!(polled)?,
        }
        (self.begin, self.end) = (0, room.filled().len());
        self.closes = self.end == 0;
        Poll::Ready(Ok(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_taken_only_where_it_is_whole_and_says_what_nearly_all_say() {
        let taken: [(&[u8], &str, Option<&str>, bool); 4] = [
            (b"GET /v1/check/1?format=text HTTP/1.1\r\nHost: x\r\n\r\n", "/v1/check/1", Some("format=text"), false),
            (b"GET /a%20b? HTTP/1.1\nhost: x\nConnection: Close\n\n", "/a%20b", Some(""), true),
            (b"GET / HTTP/1.1\r\nUser-Agent: y\r\nHOST: x\r\nConnection: keep-alive\r\n\r\n", "/", None, false),
            (b"GET /?a?b HTTP/1.1\r\nHost: x\r\nAccept: text/plain\r\n\r\nGET /", "/", Some("a?b"), false),
        ];
        for (bytes, path, query, closes) in taken {
            let head = head(bytes).unwrap_or_else(|| panic!("{}", bytes.escape_ascii()));
            assert_eq!((head.get.path, head.get.query, head.closes), (path, query, closes), "{}", bytes.escape_ascii());
            assert!(bytes[..head.length].ends_with(b"\n") && [0, 5].contains(&(bytes.len() - head.length)));
            assert!(UNREAD.iter().all(|name| !head.get.headers.contains_key(*name)));
        }
        let others: [&[u8]; 15] = [
            b"",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r",
            b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.0\r\nHost: x\r\n\r\n",
            b"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /#a HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close, x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nConnection: close\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        ];
        for bytes in others {
            assert!(head(bytes).is_none(), "{}", bytes.escape_ascii());
        }
        for name in NOT_HERE {
            let bytes = format!("GET / HTTP/1.1\r\nHost: x\r\n{}: 0\r\n\r\n", name.to_uppercase());
            assert!(head(bytes.as_bytes()).is_none(), "{name}");
        }
        let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "a: b\r\n".repeat(MOST_HEADERS));
        assert!(head(many.as_bytes()).is_none(), "too many headers");
    }

    #[test]
    fn the_date_is_written_anew_each_second_and_when_the_clock_is_set_back() {
        let at = |millis: u64| SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_000 + millis);
        let mut date = Date { text: String::new(), until: SystemTime::UNIX_EPOCH };
        assert_eq!(date.at(at(200)), b"Sun, 06 Nov 1994 08:49:37 GMT");
        date.text.push('!');
        assert_eq!(date.at(at(999)), b"Sun, 06 Nov 1994 08:49:37 GMT!", "it is kept for its second");
        assert_eq!(date.at(at(1000)), b"Sun, 06 Nov 1994 08:49:38 GMT");
        assert_eq!(date.at(at(500)), b"Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
