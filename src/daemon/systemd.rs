//! What systemd is told, and only what is so. Without systemd nothing is told and nothing fails.

use std::path::Path;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

use crate::api::client;
use crate::api::grpc::ADMIN_SERVICE;
use crate::transport::Threads;

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be notified: {error}");
    }
}

/// The sockets are bound and the last snapshot is served.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// The start takes so much longer, for a good reason.
pub fn extend_start(by: Duration) {
    notify(&[NotifyState::ExtendTimeoutUsec(u32::try_from(by.as_micros()).unwrap_or(u32::MAX))]);
}

/// What `systemctl status` shows.
pub fn status(line: &str) {
    notify(&[NotifyState::Status(line)]);
}

/// A reload has begun; [`ready`] ends it.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(_) => notify(&[NotifyState::Reloading]),
    }
}

/// The daemon is stopping.
pub fn stopping() {
    notify(&[NotifyState::Stopping, NotifyState::Status("Stopping")]);
}

/// Tells systemd's watchdog that the daemon lives, as long as a question over its own Unix socket is answered and none of
/// the threads that answer hangs. Ends at the shutdown; without a watchdog it only waits for that.
pub async fn watchdog(socket: &Path, threads: Threads, shutdown: CancellationToken) {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        shutdown.cancelled().await;
        return;
    };
    let mut ticks = tokio::time::interval((limit / 3).max(Duration::from_millis(100)));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match tokio::time::timeout(limit / 3, alive(socket, &threads)).await {
            Ok(Ok(())) => notify(&[NotifyState::Watchdog]),
            Ok(Err(error)) => {
                tracing::error!(error, "the daemon does not answer itself ({error}): the watchdog is not fed")
            }
            Err(_) => tracing::error!("the daemon takes too long to answer itself: the watchdog is not fed"),
        }
    }
}

async fn alive(socket: &Path, threads: &Threads) -> Result<(), String> {
    threads.alive().await.map_err(|error| error.to_string())?;
    client::check_health(socket, ADMIN_SERVICE).await
}
