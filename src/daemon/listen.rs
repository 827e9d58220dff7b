//! Listeners: one for queries, where it is wanted, and the Unix socket for everything.

use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::DaemonError;
use crate::config::Listen;

/// The Unix socket's file name.
pub const SOCKET_NAME: &str = "rmdd.sock";

/// Who may use the Unix socket: its owner and group.
const SOCKET_MODE: u32 = 0o660;

/// The Unix socket of a daemon that runs here: in `$RUNTIME_DIRECTORY`, which systemd sets, else in the state
/// directory.
pub fn runtime_socket(state_dir: &Path) -> PathBuf {
    match std::env::var_os("RUNTIME_DIRECTORY") {
        Some(directory) if !directory.is_empty() => Path::new(&directory).join(SOCKET_NAME),
        _ => state_dir.join(SOCKET_NAME),
    }
}

/// The listener of the query services.
pub enum QueryListener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// What the daemon listens on.
pub struct Listeners {
    pub query: Option<QueryListener>,
    pub admin: UnixListener,
    admin_path: PathBuf,
}

impl Listeners {
    /// Where the Unix socket is.
    pub fn admin_socket(&self) -> &Path {
        &self.admin_path
    }

    /// All Unix sockets.
    pub fn sockets(&self) -> Vec<PathBuf> {
        let mut sockets = vec![self.admin_path.clone()];
        if let Some(QueryListener::Unix(_, path)) = &self.query {
            sockets.push(path.clone());
        }
        sockets
    }

    /// Prints where the daemon listens: with port 0 nobody could know.
    pub fn announce(&self) {
        use std::io::Write;

        let query = match &self.query {
            Some(QueryListener::Tcp(listener)) => {
                listener.local_addr().map_or_else(|_| None, |address| Some(address.to_string()))
            }
            Some(QueryListener::Unix(_, path)) => Some(format!("unix:{}", path.display())),
            None => None,
        };
        let mut out = std::io::stdout().lock();
        // Nobody may be reading, and that is no reason not to serve.
        if let Some(query) = &query {
            let _ = writeln!(out, "listening on {query} (gRPC: queries)");
        }
        let _ = writeln!(out, "listening on unix:{} (gRPC: queries and administration)", self.admin_path.display());
        let _ = out.flush();
    }
}

/// Binds everything, or nothing is served.
pub async fn bind(query: &Listen, state_dir: &Path) -> Result<Listeners, DaemonError> {
    let query = match query {
        Listen::Off => None,
        Listen::Unix(path) => Some(QueryListener::Unix(bind_unix(path).await?, path.clone())),
        Listen::Tcp(address) => {
            let listener = TcpListener::bind(address).await.map_err(|cause| {
                let hint = match cause.kind() {
                    ErrorKind::AddrInUse => {
                        "; another program has the port: stop it, or name another with --grpc-listen"
                    }
                    ErrorKind::AddrNotAvailable => "; the address is not one of this machine's",
                    ErrorKind::PermissionDenied => "; ports below 1024 need a privilege",
                    _ => "",
                };
                DaemonError::Listen { address: address.to_string(), cause, hint: hint.to_owned() }
            })?;
            Some(QueryListener::Tcp(listener))
        }
    };
    let admin_path = runtime_socket(state_dir);
    let admin = bind_unix(&admin_path).await?;
    Ok(Listeners { query, admin, admin_path })
}

async fn bind_unix(path: &Path) -> Result<UnixListener, DaemonError> {
    let refuse = |cause: std::io::Error, hint: &str| DaemonError::Listen {
        address: format!("unix:{}", path.display()),
        cause,
        hint: hint.to_owned(),
    };
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(refuse(error, "")),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(refuse(ErrorKind::AlreadyExists.into(), "; something that is no socket stands there"));
        }
        // A daemon that was killed leaves its socket behind. One that lives answers.
        Ok(_) => {
            if UnixStream::connect(path).await.is_ok() {
                return Err(refuse(ErrorKind::AddrInUse.into(), "; another daemon answers there"));
            }
            std::fs::remove_file(path).map_err(|error| refuse(error, "; the old socket cannot be removed"))?;
        }
    }
    let listener = UnixListener::bind(path).map_err(|error| refuse(error, "; does the directory exist?"))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(SOCKET_MODE))
        .map_err(|error| refuse(error, "; its mode cannot be set"))?;
    Ok(listener)
}
