//! A socket that is watched: what it has said so far, and that it takes turns.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::registry::Activity;

/// So much is read from one connection before the others of its thread have their turn: some hundred questions.
const TURN_BYTES: usize = 8 << 10;

/// So much while there are so many who use up their turns that a round takes long: some dozen questions.
const SHORT_TURN_BYTES: usize = 1 << 10;

/// A round is long from here on.
const LONG_ROUND: Duration = Duration::from_millis(2);

/// A socket that is watched.
pub struct Watched<S> {
    socket: S,
    activity: Arc<Activity>,
    /// Bytes read in this turn.
    turn: usize,
    /// When the turn was used up, if it was, and how many questions others had put until then.
    used_up: Option<(Instant, u64)>,
    /// How long the others' turns took then.
    round: Duration,
    read: Arc<AtomicUsize>,
}

impl<S> Watched<S> {
    /// Watches the socket of a connection; the count is of bytes read.
    pub fn new(socket: S, activity: Arc<Activity>) -> (Self, Arc<AtomicUsize>) {
        let read = Arc::new(AtomicUsize::new(0));
        let watched = Self { socket, activity, turn: 0, used_up: None, round: Duration::ZERO, read: Arc::clone(&read) };
        (watched, read)
    }

    /// How much of its turn is left.
    fn left(&self) -> usize {
        let turn = if self.round > LONG_ROUND { SHORT_TURN_BYTES } else { TURN_BYTES };
        turn.saturating_sub(self.turn)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some((used_up, others)) = self.used_up.take() {
            self.round = used_up.elapsed();
            let meanwhile = self.activity.asked_by_others().saturating_sub(others);
            self.activity.waited_for_turn(self.round, meanwhile);
        }
        let left = self.left();
        if left == 0 {
            self.turn = 0;
            self.used_up = Some((Instant::now(), self.activity.asked_by_others()));
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let polled = if left < buffer.remaining() && self.round > LONG_ROUND {
            let mut part = ReadBuf::new(buffer.initialize_unfilled_to(left));
            let polled = Pin::new(&mut self.socket).poll_read(cx, &mut part);
            let read = part.filled().len();
            buffer.advance(read);
            polled
        } else {
            Pin::new(&mut self.socket).poll_read(cx, buffer)
        };
        let read = buffer.filled().len() - before;
        match polled {
            // It asks for less than its turn: it crowds nobody.
            Poll::Pending => {
                self.turn = 0;
                self.round = Duration::ZERO;
                self.activity.waited_for_turn(Duration::ZERO, 0);
            }
            Poll::Ready(_) => {
                self.turn += read;
                self.read.fetch_add(read, Ordering::Relaxed);
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
