//! Listeners: those for questions, where they are wanted, and the Unix socket for everything.

use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::DaemonError;
use super::inherited::Inherited;
use super::secured::Secured;
use crate::config::{Config, Listen};
use crate::serving::{Incoming, Tls};

/// The Unix socket's file name.
pub const SOCKET_NAME: &str = "rmdd.sock";

/// Who may use a Unix socket: its owner and group.
const SOCKET_MODE: u32 = 0o660;

/// The Unix socket of a daemon that runs here: in `$RUNTIME_DIRECTORY`, which systemd sets, else in the state
/// directory.
pub fn runtime_socket(state_dir: &Path) -> PathBuf {
    match std::env::var_os("RUNTIME_DIRECTORY") {
        Some(directory) if !directory.is_empty() => Path::new(&directory).join(SOCKET_NAME),
        _ => state_dir.join(SOCKET_NAME),
    }
}

/// A listener.
pub struct Listener {
    /// Its socket.
    pub incoming: Incoming,
    /// Where it listens, as it is announced and connected to.
    pub address: String,
    /// Its TLS, where it speaks TLS.
    pub tls: Option<Arc<Tls>>,
    /// The file of a Unix socket that is ours to remove.
    made: Option<PathBuf>,
}

impl Listener {
    async fn bind(
        listen: &Listen,
        flag: &str,
        tls: &Option<Arc<Tls>>,
        inherited: &mut Inherited,
    ) -> Result<Option<Self>, DaemonError> {
        match listen {
            Listen::Off => Ok(None),
            Listen::Unix(path) => Self::bind_unix(path, inherited).await.map(Some),
            Listen::Tcp(address) => {
                let refuse = |cause: std::io::Error| {
                    let hint = match cause.kind() {
                        ErrorKind::AddrInUse => {
                            format!("; another program has the port: stop it, or name another with {flag}")
                        }
                        ErrorKind::AddrNotAvailable => "; the address is not one of this machine's".to_owned(),
                        ErrorKind::PermissionDenied => "; ports below 1024 need a privilege".to_owned(),
                        _ => String::new(),
                    };
                    DaemonError::Listen { address: address.to_string(), cause, hint }
                };
                let listener = match inherited.tcp(*address) {
                    Some(listener) => TcpListener::from_std(listener),
                    None => TcpListener::bind(address).await,
                }
                .map_err(refuse)?;
                let bound = listener.local_addr().map_err(refuse)?;
                let (incoming, address) = (Incoming::Tcp(listener), bound.to_string());
                Ok(Some(Self { incoming, address, tls: tls.clone(), made: None }))
            }
        }
    }

    async fn bind_unix(path: &Path, inherited: &mut Inherited) -> Result<Self, DaemonError> {
        let address = format!("unix:{}", path.display());
        if let Some(listener) = inherited.unix(path) {
            let refuse = |cause| DaemonError::Listen { address: address.clone(), cause, hint: String::new() };
            let incoming = Incoming::Unix(UnixListener::from_std(listener).map_err(refuse)?);
            return Ok(Self { incoming, address, tls: None, made: None });
        }
        let incoming = Incoming::Unix(bind_unix(path).await?);
        Ok(Self { incoming, address, tls: None, made: Some(path.to_owned()) })
    }
}

/// What the daemon listens on.
pub struct Listeners {
    /// gRPC, questions only.
    pub grpc: Option<Listener>,
    /// HTTP.
    pub http: Option<Listener>,
    /// gRPC, everything.
    pub admin: Listener,
    /// Where the Unix socket of the administration is.
    pub admin_socket: PathBuf,
}

impl Listeners {
    /// Binds everything, or nothing is served. What systemd holds for us is taken over.
    pub async fn bind(config: &Config, secured: &Secured, state_dir: &Path) -> Result<Self, DaemonError> {
        let mut inherited = Inherited::take();
        let grpc = Listener::bind(&config.grpc.listen, "--grpc-listen", &secured.grpc, &mut inherited).await?;
        let http = Listener::bind(&config.http.listen, "--http-listen", &secured.http, &mut inherited).await?;
        let admin_socket = runtime_socket(state_dir);
        let admin = Listener::bind_unix(&admin_socket, &mut inherited).await?;
        inherited.check_all_taken()?;
        Ok(Self { grpc, http, admin, admin_socket })
    }

    /// The files of Unix sockets that were made here.
    pub fn made(&self) -> Vec<PathBuf> {
        let all = [self.grpc.as_ref(), self.http.as_ref(), Some(&self.admin)];
        all.into_iter().flatten().filter_map(|listener| listener.made.clone()).collect()
    }

    /// Prints where the daemon listens: with port 0 nobody could know.
    pub fn announce(&self) {
        use std::io::Write;

        let mut out = std::io::stdout().lock();
        // Nobody may be reading, and that is no reason not to serve.
        for (listener, speaks) in [(&self.grpc, "gRPC"), (&self.http, "HTTP")] {
            if let Some(listener) = listener {
                let over = if listener.tls.is_some() { " over TLS" } else { "" };
                let _ = writeln!(out, "listening on {} ({speaks}{over}: queries)", listener.address);
            }
        }
        let _ = writeln!(out, "listening on {} (gRPC: queries and administration)", self.admin.address);
        let _ = out.flush();
    }
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
