//! What systemd is told, and only what is so. Without systemd nothing is told and nothing fails.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

use crate::api::client;
use crate::api::grpc::ADMIN_SERVICE;
use crate::transport::Threads;

fn notify(states: &[NotifyState<'_>]) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()) else { return };
    let told = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => notify_abstract(name, states),
        None => sd_notify::notify(states),
    };
    if let Err(error) = told {
        tracing::warn!(%error, "systemd could not be notified: {error}");
    }
}

/// A socket whose name begins with @ has no place among files.
fn notify_abstract(name: &[u8], states: &[NotifyState<'_>]) -> io::Result<()> {
    let message: String = states.iter().map(|state| format!("{state}\n")).collect();
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?;
    socket.send(message.as_bytes()).map(|_| ())
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

/// Tells systemd's watchdog that the daemon lives, as long as a question over its own Unix socket, if it has one, is answered
/// and none of the threads that answer hangs. Ends at the shutdown; without a watchdog it only waits for that.
pub async fn watchdog(socket: Option<&Path>, threads: Threads, shutdown: CancellationToken) {
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

async fn alive(socket: Option<&Path>, threads: &Threads) -> Result<(), String> {
    threads.alive().await.map_err(|error| error.to_string())?;
    match socket {
        Some(socket) => client::check_health(socket, ADMIN_SERVICE).await,
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_without_a_place_among_files_is_told_the_same() {
        let name = format!("rmdd-test-{:016x}", rand::random::<u64>());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let systemd = UnixDatagram::bind_addr(&address).expect("bound");
        notify_abstract(name.as_bytes(), &[NotifyState::Stopping, NotifyState::Status("Stopping")]).expect("told");
        let mut message = [0; 64];
        let length = systemd.recv(&mut message).expect("heard");
        assert_eq!(&message[..length], b"STOPPING=1\nSTATUS=Stopping\n");
    }
}
