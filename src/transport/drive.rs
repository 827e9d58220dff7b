//! A connection under way: it is kept to its bounds, and ended in good order.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use hyper_util::server::graceful::GracefulConnection;
use tokio::time::{Instant, Sleep};

use super::connection::Connection;

/// How long a connection that was told to close may take to finish what is under way, unless the daemon is stopping,
/// which has a grace of its own.
const CLOSING: Duration = Duration::from_secs(30);

/// How long a connection of HTTP/1 is kept at a stop, and where it makes room: whoever asks in that time is answered and told
/// that it is closed; who does not had nothing on its way. How long one of gRPC, on which all was said, waits for the client to close it. And how
/// long one may have nothing under way after it was told to close.
pub(super) const LINGER: Duration = Duration::from_secs(1);

/// Where a connection is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The client has to begin to speak.
    Opening,
    /// Requests come and are answered.
    Serving,
    /// The daemon stops or its place is needed, and a request may be on its way that the protocol has no word to refuse with.
    Lingering,
    /// It was told to close: what is under way may come to its end until then.
    Closing {
        until: Instant,
        /// Whether nothing was under way when that was looked at last.
        quiet: bool,
    },
}

/// What happens to a connection, besides that it ends.
enum Event {
    /// The daemon stops.
    Stop,
    /// Its place is needed.
    MakeRoom,
    /// It is time to look at it again.
    Time,
}

/// What becomes of a connection.
enum Next {
    /// It goes on, and is looked at again by then.
    Go(Phase, Duration),
    /// It is told to close.
    Close,
    /// It ends here.
    End,
}

/// How a protocol begins and ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manners {
    /// A client that has not sent so many bytes when its time for the handshake is up has not begun to speak.
    pub opening: usize,
    /// When the daemon stops, a client has so long to send a request that may be on its way; where it makes room, since its last.
    pub linger: Duration,
}

/// What serves a connection.
pub(super) trait Driven {
    /// Serves on until the connection ends. How it ended is the client's affair: it may vanish, or speak rubbish.
    fn poll_end(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;

    /// Ends the connection in good order once what is under way was answered.
    fn close(self: Pin<&mut Self>);

    /// How long it may be idle, where it keeps no time for that itself and the settings say no less.
    fn idle_at_most(&self) -> Duration {
        Duration::MAX
    }
}

/// Whether something besides the connection itself may have happened. A connection is woken for each request, and what else
/// may happen to it has locks, some of them of all connections together: it is looked at only when it says so.
struct Aside {
    happened: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Aside {
    fn wake(self: Arc<Self>) {
        self.happened.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl<C: GracefulConnection> Driven for C {
    fn poll_end(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.poll(cx).map(drop)
    }

    fn close(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl Connection {
    /// Keeps the connection to its bounds, and ends it in good order when the daemon stops or needs the room. `read` says
    /// how many bytes have come.
    pub(super) async fn drive<C: Driven>(&self, connection: C, manners: Manners, read: &AtomicUsize) {
        let mut connection = pin!(connection);
        let mut wait = pin!(tokio::time::sleep_until(self.began + self.limits.handshake_timeout));
        let mut phase = Phase::Opening;
        let aside = Arc::new(Aside { happened: AtomicBool::new(true), task: AtomicWaker::new() });
        loop {
            let Some(event) = self.event(connection.as_mut(), wait.as_mut(), phase, &aside).await else { return };
            let begun = read.load(Ordering::Relaxed) >= manners.opening;
            let idle_at_most = self.limits.idle_timeout.min(connection.idle_at_most());
            let again = match self.next((phase, &event), begun, manners.linger, idle_at_most) {
                Next::End => return,
                Next::Go(next, again) => {
                    phase = next;
                    again
                }
                Next::Close => {
                    connection.as_mut().close();
                    phase = Phase::Closing { until: Instant::now() + CLOSING, quiet: false };
                    LINGER
                }
            };
            wait.as_mut().reset(Instant::now() + again);
        }
    }

    /// What happens to the connection next; nothing once it has ended.
    async fn event<C: Driven>(
        &self,
        mut connection: Pin<&mut C>,
        wait: Pin<&mut Sleep>,
        phase: Phase,
        aside: &Arc<Aside>,
    ) -> Option<Event> {
        let mut happens = pin!(async {
            tokio::select! {
                biased;
                () = self.shutdown.cancelled(), if matches!(phase, Phase::Opening | Phase::Serving) => Event::Stop,
                () = self.admitted.activity.asked_to_close() => Event::MakeRoom,
                () = wait => Event::Time,
            }
        });
        let waker = Waker::from(Arc::clone(aside));
        // None of this has been told yet whom to wake.
        aside.happened.store(true, Ordering::Release);
        poll_fn(|cx| {
            if connection.as_mut().poll_end(cx).is_ready() {
                return Poll::Ready(None);
            }
            aside.task.register(cx.waker());
            if !aside.happened.swap(false, Ordering::AcqRel) {
                return Poll::Pending;
            }
            happens.as_mut().poll(&mut Context::from_waker(&waker)).map(Some)
        })
        .await
    }

    fn next(&self, (phase, event): (Phase, &Event), begun: bool, linger: Duration, idle_at_most: Duration) -> Next {
        let activity = &self.admitted.activity;
        if activity.untaken_for().is_some_and(|untaken| untaken >= self.limits.reader_patience) {
            self.untaken.note();
            return Next::End;
        }
        match (event, phase) {
            (Event::Stop, Phase::Lingering | Phase::Closing { .. }) => Next::Go(phase, LINGER),
            (Event::Stop, _) if linger.is_zero() => Next::Close,
            (Event::Stop, _) => Next::Go(Phase::Lingering, linger),
            (Event::MakeRoom, _) if !activity.has_asked() || activity.is_cut() => Next::End,
            (Event::MakeRoom, Phase::Opening | Phase::Serving) => {
                // Who asks as often as that is told with its next answer.
                match linger.saturating_sub(activity.idle().unwrap_or_default()) {
                    Duration::ZERO => Next::Close,
                    left => Next::Go(Phase::Lingering, left),
                }
            }
            (Event::MakeRoom, Phase::Lingering) => Next::Close,
            // It was told, and its descriptor is wanted.
            (Event::MakeRoom, Phase::Closing { .. }) if !activity.is_under_way() => Next::End,
            (Event::MakeRoom, Phase::Closing { .. }) => Next::Go(phase, LINGER),
            (Event::Time, Phase::Opening) if !begun => Next::End,
            (Event::Time, Phase::Lingering) => Next::Close,
            (Event::Time, Phase::Opening | Phase::Serving) => {
                let idle = activity.idle().unwrap_or_default();
                match idle_at_most.saturating_sub(idle) {
                    Duration::ZERO => Next::Close,
                    left => Next::Go(Phase::Serving, left.min(self.limits.reader_patience)),
                }
            }
            (Event::Time, Phase::Closing { until, quiet }) => {
                let is_quiet = !activity.is_under_way();
                if Instant::now() >= until || (quiet && is_quiet) {
                    return Next::End;
                }
                Next::Go(Phase::Closing { until, quiet: is_quiet }, LINGER)
            }
        }
    }
}
