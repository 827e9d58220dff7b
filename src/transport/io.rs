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

use super::activity::Activity;
use super::drive::LINGER;
use super::fair_queue::{FairQueue, Slot};
use super::heads::Heads;

/// Room for what is read at a time where requests of HTTP/1 may come.
const HEAD_BYTES: usize = 8 << 10;

/// A socket that is watched.
pub struct Watched<S> {
    socket: S,
    activity: Arc<Activity>,
    /// Its slot in the queue of its thread, where it shares one.
    slot: Option<Slot>,
    read: Arc<AtomicUsize>,
    /// Where requests of HTTP/1 begin.
    heads: Heads,
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
            heads: Heads::none(),
            left: Vec::new(),
            linger: Duration::ZERO,
            lingering: None,
            untaken: false,
        };
        (watched, read)
    }

    /// Requests of HTTP/1 may come, and are read as calls to 911 are to be.
    pub fn with_http1(self, http1: bool) -> Self {
        Self { heads: if http1 { Heads::default() } else { Heads::none() }, ..self }
    }

    /// Whether a request has begun of which nothing was read yet, since not all of its head is here.
    pub fn has_begun(&self) -> bool {
        self.heads.has_begun()
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
    /// Reads requests of HTTP/1, at most so many bytes, as they are to be read. What the buffer has no room for, as whoever only
    /// looks which version it is has none for a line, is left for the next read. Returns how many bytes came, too.
    fn poll_heads(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        most: usize,
    ) -> (Poll<io::Result<()>>, usize) {
        let mut came = [const { MaybeUninit::uninit() }; HEAD_BYTES];
        let mut came = ReadBuf::uninit(came.get_mut(..most.min(HEAD_BYTES)).unwrap_or_default());
        let polled = Pin::new(&mut self.socket).poll_read(cx, &mut came);
        let came = came.filled();
        if polled.is_pending() {
            return (polled, 0);
        }
        match came {
            [] => self.heads.end(&mut self.left),
            came => self.heads.take(came, &mut self.left),
        }
        self.give(buffer);
        (polled, came.len())
    }
}

impl<S> Watched<S> {
    /// Gives what was read before.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) {
        let given = self.left.len().min(buffer.remaining());
        buffer.put_slice(self.left.get(..given).unwrap_or_default());
        self.left.drain(..given);
    }
}

impl<S: AsyncRead + Unpin> Watched<S> {
    /// Reads from the socket, where its turn has come.
    fn poll_socket(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let most = match &mut self.slot {
            Some(slot) => ready!(slot.poll_quantum(cx, &self.activity)),
            None => usize::MAX,
        };
        let (polled, read) = if self.heads.is_over() {
            let before = buffer.filled().len();
            let polled = if most < buffer.remaining() {
                let mut part = ReadBuf::new(buffer.initialize_unfilled_to(most));
                let polled = Pin::new(&mut self.socket).poll_read(cx, &mut part);
                let read = part.filled().len();
                buffer.advance(read);
                polled
            } else {
                Pin::new(&mut self.socket).poll_read(cx, buffer)
            };
            (polled, buffer.filled().len() - before)
        } else {
            self.poll_heads(cx, buffer, most)
        };
        match polled {
            // It sends less than its quantum: it is no bulk connection.
            Poll::Pending => {
                self.activity.waited_in_queue(Duration::ZERO, 0);
                if let Some(slot) = &mut self.slot {
                    slot.drained();
                }
            }
            Poll::Ready(_) => {
                if let Some(slot) = &mut self.slot {
                    slot.read(read, &self.activity);
                }
                self.read.fetch_add(read, Ordering::Relaxed);
            }
        }
        polled
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let watched = &mut *self;
        if !watched.left.is_empty() {
            watched.give(buffer);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        loop {
            ready!(watched.poll_socket(cx, buffer))?;
            // Of a head that is not whole nothing is given yet, and nothing given would say that the client is gone.
            if buffer.filled().len() > before || !watched.heads.has_begun() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S> Watched<S> {
    /// Notes whether the client takes what is written. A socket takes more once the client has taken much of what it holds,
    /// so one that takes byte by byte takes nothing.
    fn taken<T>(&mut self, polled: Poll<T>) -> Poll<T> {
        if polled.is_ready() {
            self.activity.written();
        }
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
            // The rest of a request that was answered before it came would be refused like a next word.
            let linger = if self.activity.has_unread() { LINGER } else { self.linger };
            // A timer is not worth while for no time at all.
            self.lingering = (!linger.is_zero()).then(|| Box::pin(tokio::time::sleep(linger)));
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
