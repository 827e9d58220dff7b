//! A connection under way: it is kept to its bounds, and ended in good order.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper_util::server::graceful::GracefulConnection;
use tokio::time::Instant;

use super::connection::Connection;

/// How long a connection that was told to close may take to finish what is under way, unless the daemon is stopping,
/// which has a grace of its own.
const CLOSING: Duration = Duration::from_secs(30);

/// How long a connection of HTTP/1 is kept at a stop: whoever asks in that time is answered and told that it is closed; who
/// does not had nothing on its way. How long one of gRPC, on which all was said, waits for the client to close it. And how
/// long one may have nothing under way after it was told to close.
pub(super) const LINGER: Duration = Duration::from_secs(1);

/// Where a connection is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The client has to begin to speak.
    Opening,
    /// Requests come and are answered.
    Serving,
    /// The daemon stops, and a request may be on its way that the protocol has no word to refuse with.
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
    /// When the daemon stops, a client has so long to send a request that may be on its way.
    pub linger: Duration,
}

impl Connection {
    /// Keeps the connection to its bounds, and ends it in good order when the daemon stops or needs the room. `read` says
    /// how many bytes have come.
    pub(super) async fn drive<C: GracefulConnection>(&self, connection: C, manners: Manners, read: &AtomicUsize) {
        let mut connection = pin!(connection);
        let mut wait = pin!(tokio::time::sleep_until(self.began + self.limits.handshake_timeout));
        let mut phase = Phase::Opening;
        loop {
            let is_closing = matches!(phase, Phase::Closing { .. });
            let event = tokio::select! {
                biased;
                // How it ended is the client's affair: it may vanish, or speak rubbish.
                _ = connection.as_mut() => return,
                () = self.shutdown.cancelled(), if matches!(phase, Phase::Opening | Phase::Serving) => Event::Stop,
                () = self.admitted.activity.asked_to_close(), if !is_closing => Event::MakeRoom,
                () = wait.as_mut() => Event::Time,
            };
            let begun = read.load(Ordering::Relaxed) >= manners.opening;
            let again = match self.next(phase, &event, begun, manners.linger) {
                Next::End => return,
                Next::Go(next, again) => {
                    phase = next;
                    again
                }
                Next::Close => {
                    connection.as_mut().graceful_shutdown();
                    phase = Phase::Closing { until: Instant::now() + CLOSING, quiet: false };
                    LINGER
                }
            };
            wait.as_mut().reset(Instant::now() + again);
        }
    }

    fn next(&self, phase: Phase, event: &Event, begun: bool, linger: Duration) -> Next {
        let activity = &self.admitted.activity;
        if activity.untaken_for().is_some_and(|untaken| untaken >= self.limits.reader_patience) {
            self.untaken.note();
            return Next::End;
        }
        match (event, phase) {
            (Event::Stop, Phase::Lingering | Phase::Closing { .. }) => Next::Go(phase, LINGER),
            (Event::Stop, _) if linger.is_zero() => Next::Close,
            (Event::Stop, _) => Next::Go(Phase::Lingering, linger),
            (Event::MakeRoom, _) if activity.has_asked() => Next::Close,
            (Event::MakeRoom, _) => Next::End,
            (Event::Time, Phase::Opening) if !begun => Next::End,
            (Event::Time, Phase::Lingering) => Next::Close,
            (Event::Time, Phase::Opening | Phase::Serving) => {
                let idle = activity.idle().unwrap_or_default();
                match self.limits.idle_timeout.saturating_sub(idle) {
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
