//! A socket that is watched: how many bytes came, and that it keeps to its slot in the fair queue.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::fair_queue::{FairQueue, Slot};
use super::registry::Activity;
use super::request_line::mended;

/// Room for a request line and what comes with it.
const LINE_BYTES: usize = 8 << 10;

/// A socket that is watched.
pub struct Watched<S> {
    socket: S,
    activity: Arc<Activity>,
    /// Its slot in the queue of its thread, where it shares one.
    slot: Option<Slot>,
    read: Arc<AtomicUsize>,
    /// Whether requests of HTTP/1 may come.
    http1: bool,
    /// What was read and had no room.
    left: Vec<u8>,
    /// How long the client may take to close, too, once all was said.
    linger: Duration,
    /// Since that is so.
    lingering: Option<Pin<Box<Sleep>>>,
    /// Whether the client takes nothing of what is written.
    untaken: bool,
}

impl<S> Watched<S> {
    /// Watches the socket of a connection; the count is of bytes read.
    pub fn new(socket: S, activity: Arc<Activity>, fair_queue: Option<FairQueue>) -> (Self, Arc<AtomicUsize>) {
        let read = Arc::new(AtomicUsize::new(0));
        let watched = Self {
            socket,
            activity,
            slot: fair_queue.map(Slot::new),
            read: Arc::clone(&read),
            http1: false,
            left: Vec::new(),
            linger: Duration::ZERO,
            lingering: None,
            untaken: false,
        };
        (watched, read)
    }

    /// Requests of HTTP/1 may come, and are read as calls to 911 are to be ([`mended`]).
    pub fn with_http1(self, http1: bool) -> Self {
        Self { http1, ..self }
    }

    /// Once all was said, what the client says still is read and not looked at, until it closes or for so long. A socket
    /// that is closed before would have the client's next word refused, and a client that meets that first takes no notice
    /// of the answers and the goodbye that it has not read yet.
    pub fn lingering(self, linger: Duration) -> Self {
        Self { linger, ..self }
    }

    /// Gives what was read once more, before all that comes.
    pub fn unread(&mut self, bytes: &[u8]) {
        self.left.splice(..0, bytes.iter().copied());
    }
}

impl<S: AsyncRead + Unpin> Watched<S> {
    /// Reads what begins a request, at most so many bytes, as it is to be read. What the buffer has no room for, as whoever
    /// only looks which version it is has none for a line, is left for the next read. Returns how many bytes came, too.
    fn poll_begin(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        most: usize,
    ) -> (Poll<io::Result<()>>, usize) {
        let mut line = [const { MaybeUninit::uninit() }; LINE_BYTES];
        let mut line = ReadBuf::uninit(line.get_mut(..most.min(LINE_BYTES)).unwrap_or_default());
        let polled = Pin::new(&mut self.socket).poll_read(cx, &mut line);
        let came = line.filled();
        let mended = mended(came);
        let (first, rest) = {
            let line = mended.as_deref().unwrap_or(came);
            line.split_at(line.len().min(buffer.remaining()))
        };
        buffer.put_slice(first);
        self.left.extend_from_slice(rest);
        (polled, came.len())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let watched = &mut *self;
        if !watched.left.is_empty() {
            let rest = watched.left.split_off(watched.left.len().min(buffer.remaining()));
            buffer.put_slice(&std::mem::replace(&mut watched.left, rest));
            return Poll::Ready(Ok(()));
        }
        let most = match &mut watched.slot {
            Some(slot) => ready!(slot.poll_quantum(cx, &watched.activity)),
            None => usize::MAX,
        };
        // The first bytes that come while nothing is under way begin a request.
        let (polled, read) = if watched.http1 && !watched.activity.is_under_way() {
            watched.poll_begin(cx, buffer, most)
        } else {
            let before = buffer.filled().len();
            let polled = if most < buffer.remaining() {
                let mut part = ReadBuf::new(buffer.initialize_unfilled_to(most));
                let polled = Pin::new(&mut watched.socket).poll_read(cx, &mut part);
                let read = part.filled().len();
                buffer.advance(read);
                polled
            } else {
                Pin::new(&mut watched.socket).poll_read(cx, buffer)
            };
            (polled, buffer.filled().len() - before)
        };
        match polled {
            // It sends less than its quantum: it is no bulk connection.
            Poll::Pending => {
                watched.activity.waited_in_queue(Duration::ZERO, 0);
                if let Some(slot) = &mut watched.slot {
                    slot.drained();
                }
            }
            Poll::Ready(_) => {
                if let Some(slot) = &mut watched.slot {
                    slot.read(read, &watched.activity);
                }
                watched.read.fetch_add(read, Ordering::Relaxed);
            }
        }
        polled
    }
}

impl<S> Watched<S> {
    /// Notes whether the client takes what is written. A socket takes more once the client has taken much of what it holds,
    /// so one that takes byte by byte takes nothing.
    fn taken<T>(&mut self, polled: Poll<T>) -> Poll<T> {
        if polled.is_pending() != self.untaken {
            self.untaken = polled.is_pending();
            self.activity.takes(!self.untaken);
        }
        polled
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.taken(polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.socket).poll_flush(cx);
        // Over TLS what was written may be waiting still. A flush without anything before it says nothing.
        if polled.is_pending() { self.taken(polled) } else { polled }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.socket).poll_shutdown(cx))?;
            // A timer is not worth while for no time at all.
            self.lingering = (!self.linger.is_zero()).then(|| Box::pin(tokio::time::sleep(self.linger)));
        }
        let Self { socket, lingering, .. } = &mut *self;
        if lingering.as_mut().is_some_and(|over| over.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Ok(()));
        }
        for _ in 0..8 {
            let mut unheard = [0; 1 << 10];
            let mut unheard = ReadBuf::new(&mut unheard);
            match Pin::new(&mut *socket).poll_read(cx, &mut unheard) {
                Poll::Ready(Ok(())) if !unheard.filled().is_empty() => {}
                Poll::Pending if lingering.is_some() => return Poll::Pending,
                _ => return Poll::Ready(Ok(())),
            }
        }
        if lingering.is_none() {
            return Poll::Ready(Ok(()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.taken(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}
