//! A socket that is watched: what it has said so far, and that it takes turns.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::registry::Activity;
use super::turns::{Seat, Turns};

/// A socket that is watched.
pub struct Watched<S> {
    socket: S,
    activity: Arc<Activity>,
    /// Its place among the connections of its thread, where it has to share one.
    seat: Option<Seat>,
    read: Arc<AtomicUsize>,
}

impl<S> Watched<S> {
    /// Watches the socket of a connection; the count is of bytes read.
    pub fn new(socket: S, activity: Arc<Activity>, turns: Option<Turns>) -> (Self, Arc<AtomicUsize>) {
        let read = Arc::new(AtomicUsize::new(0));
        let watched = Self { socket, activity, seat: turns.map(Seat::new), read: Arc::clone(&read) };
        (watched, read)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let watched = &mut *self;
        let most = match &mut watched.seat {
            Some(seat) => ready!(seat.poll_turn(cx, &watched.activity)),
            None => usize::MAX,
        };
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
        let read = buffer.filled().len() - before;
        match polled {
            // It asks for less than its turn: it crowds nobody.
            Poll::Pending => {
                watched.activity.waited_for_turn(Duration::ZERO, 0);
                if let Some(seat) = &mut watched.seat {
                    seat.drained();
                }
            }
            Poll::Ready(_) => {
                if let Some(seat) = &mut watched.seat {
                    seat.read(read);
                }
                watched.read.fetch_add(read, Ordering::Relaxed);
            }
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}
