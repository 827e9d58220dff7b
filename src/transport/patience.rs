//! Patience with clients that do not take their answers.
//!
//! Over HTTP/2 a client that shuts the window of a stream has its answer wait in the daemon for as long as it likes, while
//! the connection is as alive as any. So every stream is watched: one of which something is ready, and nothing of it was
//! taken for `limits.reader_patience`, is reset, and what was made for it is gone. A stream on which the daemon itself has
//! nothing to send, as to a watcher when nothing changes, may wait for ever.
//!
//! What a stream waits for only its body knows, and only its task can be ended. Both run in one go, so the body leaves word
//! in a cell of the thread, and the task reads it when it comes back: that costs an answer that is taken nothing else.

use std::cell::Cell;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use hyper::rt::Executor;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};

use super::activity::UnderWay;
use super::budget::Untaken;

/// What the body of an answer did last while its task ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// It was not asked.
    None,
    /// It gave something: if the task does not come to its end, the client has not taken that yet.
    Gave,
    /// It had nothing to give: the client waits for the daemon.
    HadNothing,
}

thread_local! {
    static LAST: Cell<Word> = const { Cell::new(Word::None) };
}

/// A body whose request is under way until it is sent, and that leaves word of what it does.
pub struct WatchedBody<B> {
    body: B,
    /// With the last of its bytes it goes along with them.
    under_way: Option<UnderWay>,
}

impl<B> WatchedBody<B> {
    /// The body of an answer to a request that is under way.
    pub fn new(body: B, under_way: UnderWay) -> Self {
        Self { body, under_way: Some(under_way) }
    }
}

impl<B: Body + Unpin> Body for WatchedBody<B> {
    type Data = Piece<B::Data>;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, B::Error>>> {
        let Self { body, under_way } = &mut *self;
        let polled = Pin::new(&mut *body).poll_frame(cx);
        LAST.with(|last| last.set(if polled.is_pending() { Word::HadNothing } else { Word::Gave }));
        polled.map_ok(|frame| {
            frame.map_data(|bytes| {
                let is_last = body.size_hint().exact() == Some(0);
                Piece { bytes, _under_way: if is_last { under_way.take() } else { None } }
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes of an answer. HTTP/2 takes all that the client has opened its windows for, and keeps it while the socket takes nothing: the
/// request is under way until the last of them is written, and not only until they were given.
pub struct Piece<D> {
    bytes: D,
    _under_way: Option<UnderWay>,
}

impl<D: Buf> Buf for Piece<D> {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.bytes.chunks_vectored(slices)
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }

    fn copy_to_bytes(&mut self, length: usize) -> Bytes {
        self.bytes.copy_to_bytes(length)
    }
}

/// Runs the streams of a connection, each for as long as its client takes something.
#[derive(Debug, Clone)]
pub struct Patient {
    /// The longest that nothing may be taken.
    pub patience: Duration,
    /// Where those are counted that were given up.
    pub untaken: Arc<Untaken>,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Patient {
    fn execute(&self, stream: F) {
        tokio::spawn(WatchedStream { stream, patient: self.clone(), waiting: Waiting::default() });
    }
}

pin_project! {
    /// A stream that ends with its answer, or with the patience. (An async block would hold it twice: as what it was given
    /// and as what it waits for. It is moved with all that it may ever hold, and kept as long as its answer is not taken.)
    struct WatchedStream<F> {
        #[pin]
        stream: F,
        patient: Patient,
        waiting: Waiting,
    }
}

impl<F: Future<Output = ()>> Future for WatchedStream<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        LAST.with(|last| last.set(Word::None));
        if this.stream.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        this.waiting.hear(LAST.with(Cell::get), this.patient.patience);
        if this.waiting.is_over(cx) {
            // The stream ends with its task, and is reset.
            this.patient.untaken.note();
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

/// A wait for a client to take something.
#[derive(Default)]
struct Waiting(Option<Pin<Box<Sleep>>>);

impl Waiting {
    fn hear(&mut self, word: Word, patience: Duration) {
        match (word, &mut self.0) {
            (Word::None, _) => {}
            (Word::HadNothing, waiting) => *waiting = None,
            // It came back for more: it takes what it gets.
            (Word::Gave, Some(over)) => over.as_mut().reset(Instant::now() + patience),
            (Word::Gave, waiting) => *waiting = Some(Box::pin(tokio::time::sleep(patience))),
        }
    }

    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        self.0.as_mut().is_some_and(|over| over.as_mut().poll(cx).is_ready())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Waker;

    use http_body_util::{BodyExt, Full};

    use super::*;
    use crate::transport::{Client, Registry};

    #[tokio::test]
    async fn a_request_is_under_way_until_the_last_of_its_answer_is_written() {
        let admitted = Registry::new(1).admit(Client::Here).expect("room");
        let mut body = WatchedBody::new(Full::new(Bytes::from("an answer")), admitted.activity.request());
        let frame = body.frame().await.expect("a frame").expect("of data");
        let Ok(mut piece) = frame.into_data() else { panic!("of data") };
        // As HTTP/2 does it, which has all that it needs.
        drop(body);
        assert!(admitted.activity.is_under_way());
        assert_eq!(&piece.copy_to_bytes(piece.remaining())[..], b"an answer");
        drop(piece);
        assert!(!admitted.activity.is_under_way());
        let body = WatchedBody::new(Full::new(Bytes::new()), admitted.activity.request());
        drop(body);
        assert!(!admitted.activity.is_under_way());
    }

    #[test]
    fn a_stream_is_held_once() {
        assert!(size_of::<WatchedStream<[u8; 4096]>>() < 4096 + 128);
    }

    #[tokio::test]
    async fn who_takes_nothing_for_so_long_has_waited_too_long_and_who_is_given_nothing_has_not() {
        const LONG: Duration = Duration::from_secs(3600);
        let mut waiting = Waiting::default();
        let mut now = Context::from_waker(Waker::noop());
        waiting.hear(Word::None, Duration::ZERO);
        assert!(!waiting.is_over(&mut now), "there is no answer yet");
        waiting.hear(Word::Gave, LONG);
        assert!(!waiting.is_over(&mut now), "it has time");
        waiting.hear(Word::Gave, Duration::ZERO);
        waiting.hear(Word::HadNothing, Duration::ZERO);
        assert!(!waiting.is_over(&mut now), "the client waits for the daemon");
        waiting.hear(Word::Gave, Duration::ZERO);
        waiting.hear(Word::None, Duration::ZERO);
        poll_fn(|cx| if waiting.is_over(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}
