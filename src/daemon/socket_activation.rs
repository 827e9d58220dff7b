//! Sockets that systemd holds for the daemon (socket activation): connections wait in them while the daemon restarts,
//! and none is refused.
//!
//! A socket is known by where it listens, which must be where the configuration says; so one unit can hold them all.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use listenfd::ListenFd;

use super::DaemonError;

/// Sockets that were handed over and not yet taken.
#[derive(Debug, Default)]
pub struct ActivatedSockets {
    tcp: Vec<(SocketAddr, TcpListener)>,
    unix: Vec<(PathBuf, UnixListener)>,
    /// What is no listening socket.
    strange: usize,
}

impl ActivatedSockets {
    /// Takes over what was handed to this process; nothing where nothing was. To be called before there is another thread:
    /// what was handed over is told by the environment, and taken out of it so that no child believes it is meant.
    pub fn take() -> Self {
        let mut handed = ListenFd::from_env();
        let mut sockets = Self::default();
        for place in 0..handed.len() {
            if let Ok(Some(listener)) = handed.take_tcp_listener(place)
                && let Ok(address) = listener.local_addr()
                && listener.set_nonblocking(true).is_ok()
            {
                sockets.tcp.push((address, listener));
            } else if let Ok(Some(listener)) = handed.take_unix_listener(place)
                && let Ok(address) = listener.local_addr()
                && let Some(path) = address.as_pathname().map(Path::to_owned)
                && listener.set_nonblocking(true).is_ok()
            {
                sockets.unix.push((path, listener));
            } else {
                sockets.strange += 1;
            }
        }
        sockets
    }

    /// Whether no socket was handed over.
    pub(super) fn is_empty(&self) -> bool {
        self.tcp.is_empty() && self.unix.is_empty()
    }

    /// The socket that listens here, if one was handed over.
    pub(super) fn tcp(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let place = self.tcp.iter().position(|(held, _)| *held == address)?;
        Some(self.tcp.swap_remove(place).1)
    }

    /// The Unix socket that listens here, if one was handed over.
    pub(super) fn unix(&mut self, path: &Path) -> Option<UnixListener> {
        let place = self.unix.iter().position(|(held, _)| held == path)?;
        Some(self.unix.swap_remove(place).1)
    }

    /// That nothing is left over: clients would connect to it, and nobody would answer.
    pub(super) fn check_all_taken(self) -> Result<(), DaemonError> {
        let tcp = self.tcp.iter().map(|(address, _)| address.to_string());
        let left: Vec<String> =
            tcp.chain(self.unix.iter().map(|(path, _)| format!("unix:{}", path.display()))).collect();
        if left.is_empty() && self.strange == 0 {
            return Ok(());
        }
        let strange =
            if self.strange > 0 { format!("{} that are no listening sockets", self.strange) } else { left.join(", ") };
        Err(DaemonError::Setting(format!(
            "systemd handed over sockets on which nothing is to be served ({strange}): ListenStream= in rmdd.socket must \
             name just what grpc.listen, http.listen and the Unix socket say"
        )))
    }
}
