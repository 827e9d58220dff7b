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

impl QueryListener {
    async fn bind(listen: &Listen, flag: &str) -> Result<Option<Self>, DaemonError> {
        match listen {
            Listen::Off => Ok(None),
            Listen::Unix(path) => Ok(Some(Self::Unix(bind_unix(path).await?, path.clone()))),
            Listen::Tcp(address) => {
                let listener = TcpListener::bind(address).await.map_err(|cause| {
                    let hint = match cause.kind() {
                        ErrorKind::AddrInUse => {
                            format!("; another program has the port: stop it, or name another with {flag}")
                        }
                        ErrorKind::AddrNotAvailable => "; the address is not one of this machine's".to_owned(),
                        ErrorKind::PermissionDenied => "; ports below 1024 need a privilege".to_owned(),
                        _ => String::new(),
                    };
                    DaemonError::Listen { address: address.to_string(), cause, hint }
                })?;
                Ok(Some(Self::Tcp(listener)))
            }
        }
    }

    /// Where it listens, as it is announced.
    fn address(&self) -> Option<String> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(|address| address.to_string()),
            Self::Unix(_, path) => Some(format!("unix:{}", path.display())),
        }
    }
}

/// What the daemon listens on.
pub struct Listeners {
    pub query: Option<QueryListener>,
    pub http: Option<QueryListener>,
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
        for listener in [&self.query, &self.http].into_iter().flatten() {
            if let QueryListener::Unix(_, path) = listener {
                sockets.push(path.clone());
            }
        }
        sockets
    }

    /// Prints where the daemon listens: with port 0 nobody could know.
    pub fn announce(&self) {
        use std::io::Write;

        let mut out = std::io::stdout().lock();
        // Nobody may be reading, and that is no reason not to serve.
        for (listener, speaks) in [(&self.query, "gRPC"), (&self.http, "HTTP")] {
            if let Some(address) = listener.as_ref().and_then(QueryListener::address) {
                let _ = writeln!(out, "listening on {address} ({speaks}: queries)");
            }
        }
        let _ = writeln!(out, "listening on unix:{} (gRPC: queries and administration)", self.admin_path.display());
        let _ = out.flush();
    }
}

/// Binds everything, or nothing is served.
pub async fn bind(query: &Listen, http: &Listen, state_dir: &Path) -> Result<Listeners, DaemonError> {
    let query = QueryListener::bind(query, "--grpc-listen").await?;
    let http = QueryListener::bind(http, "--http-listen").await?;
    let admin_path = runtime_socket(state_dir);
    let admin = bind_unix(&admin_path).await?;
    Ok(Listeners { query, http, admin, admin_path })
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
