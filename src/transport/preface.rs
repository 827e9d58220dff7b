//! Where gRPC and a browser come in at the same door: which of them speaks is told by its first bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// How HTTP/2 begins, as far as no method of HTTP/1 does.
const HTTP2: &[u8; 3] = b"PRI";

/// A connection of which the first bytes were looked at. They are read once more.
#[derive(Debug)]
pub struct Replayed<S> {
    first: [u8; HTTP2.len()],
    /// Where what is still to be read of them begins, and ends.
    begin: usize,
    end: usize,
    inner: S,
}

/// Waits for the first bytes, and says whether they are those of HTTP/2.
///
/// # Errors
///
/// If the connection fails, or ends before.
pub async fn look<S: AsyncRead + Unpin>(mut inner: S) -> io::Result<(bool, Replayed<S>)> {
    let (mut first, mut end) = ([0; HTTP2.len()], 0);
    while end < first.len() && first.get(..end) == HTTP2.get(..end) {
        let Some(room) = first.get_mut(end..) else { break };
        match inner.read(room).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => end += read,
        }
    }
    Ok((&first == HTTP2, Replayed { first, begin: 0, end, inner }))
}

impl<S: AsyncRead + Unpin> AsyncRead for Replayed<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let left = this.first.get(this.begin..this.end).unwrap_or_default();
        if left.is_empty() {
            return Pin::new(&mut this.inner).poll_read(cx, buf);
        }
        let taken = left.len().min(buf.remaining());
        buf.put_slice(left.get(..taken).unwrap_or_default());
        this.begin += taken;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Replayed<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_bytes_tell_the_version_and_are_read_once_more() {
        for (sent, http2) in
            [(&b"PRI * HTTP/2.0\r\n"[..], true), (b"GET / HTTP/1.1\r\n", false), (b"PROPFIND / H", false)]
        {
            // One byte at a time, as a slow client sends them.
            let mut slow = one_by_one(sent);
            let (is_http2, mut replayed) = look(&mut slow).await.expect("bytes");
            let mut read = Vec::new();
            replayed.read_to_end(&mut read).await.expect("the rest");
            assert_eq!((is_http2, read.as_slice()), (http2, sent));
        }
        assert!(look(&b"PR"[..]).await.is_err() && look(&b""[..]).await.is_err());
    }

    /// Gives one byte at a time.
    fn one_by_one(bytes: &[u8]) -> impl AsyncRead + Unpin + '_ {
        struct Slow<'a>(&'a [u8]);
        impl AsyncRead for Slow<'_> {
            fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                if let Some((first, rest)) = self.0.split_first() {
                    buf.put_slice(&[*first]);
                    self.0 = rest;
                }
                Poll::Ready(Ok(()))
            }
        }
        Slow(bytes)
    }
}
