//! Listeners: those for questions, where they are wanted, and the Unix socket for everything.

use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use socket2::SockRef;
use tokio::net::{TcpListener, UnixListener, UnixSocket, UnixStream};

use super::DaemonError;
use super::socket_activation::ActivatedSockets;
use super::tls::ListenersTls;
use crate::daemon::config::{Config, Listen, SocketConfig, of_systemd};
use crate::transport::auth::{self, Access};
use crate::transport::{ListenSocket, Tls};

/// The Unix socket's file name.
pub(crate) const SOCKET_NAME: &str = "rmdd.sock";

/// What the kernel keeps for a connection whose client does not read; it takes twice as much for its own needs.
const SEND_BUFFER_BYTES: usize = 256 << 10;

/// Connections that wait to be taken in.
const BACKLOG: u32 = 1024;

/// The Unix socket of a daemon that runs here: in `$RUNTIME_DIRECTORY`, which systemd sets, else in the state
/// directory.
pub(crate) fn runtime_socket(state_dir: &Path) -> PathBuf {
    of_systemd("RUNTIME_DIRECTORY").as_deref().unwrap_or(state_dir).join(SOCKET_NAME)
}

pub struct Listener {
    pub socket: ListenSocket,
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
        socket: &SocketConfig,
        activated: &mut ActivatedSockets,
    ) -> Result<Option<Self>, DaemonError> {
        match listen {
            Listen::Off => Ok(None),
            Listen::Unix(path) => Self::bind_unix(path, socket, activated).await.map(Some),
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
                let listener = match activated.tcp(*address) {
                    Some(listener) => TcpListener::from_std(listener),
                    None => TcpListener::bind(address).await,
                }
                .map_err(refuse)?;
                // Its connections have it from it. Left to itself the kernel would keep megabytes for each that is not read.
                SockRef::from(&listener).set_send_buffer_size(SEND_BUFFER_BYTES).map_err(refuse)?;
                let bound = listener.local_addr().map_err(refuse)?;
                let (socket, address) = (ListenSocket::Tcp(listener), bound.to_string());
                Ok(Some(Self { socket, address, tls: tls.clone(), made: None }))
            }
        }
    }

    async fn bind_unix(
        path: &Path,
        socket: &SocketConfig,
        activated: &mut ActivatedSockets,
    ) -> Result<Self, DaemonError> {
        let address = format!("unix:{}", path.display());
        let stands = std::fs::symlink_metadata(path).is_ok_and(|there| there.file_type().is_socket());
        let handed = activated.unix(path);
        if handed.is_some() && !stands {
            tracing::warn!(
                "systemd handed over the socket {}, but its file is gone, as all of RuntimeDirectory= is when the service \
                 stops: another one is made there; name none below it in rmdd.socket",
                path.display()
            );
        }
        if let Some(listener) = handed.filter(|_| stands) {
            let refuse = |cause| DaemonError::Listen { address: address.clone(), cause, hint: String::new() };
            let socket = ListenSocket::Unix(UnixListener::from_std(listener).map_err(refuse)?);
            return Ok(Self { socket, address, tls: None, made: None });
        }
        let socket = ListenSocket::Unix(bind_unix(path, socket).await?);
        Ok(Self { socket, address, tls: None, made: Some(path.to_owned()) })
    }
}

/// What the daemon listens on.
pub struct Listeners {
    /// gRPC, questions only.
    pub grpc: Option<Listener>,
    pub http: Option<Listener>,
    /// gRPC, everything, where a setting says so.
    pub administration: Option<Listener>,
    /// gRPC, everything; nothing where its Unix socket cannot be made, because the disk can only be read.
    pub admin: Option<Listener>,
    /// Where that Unix socket is, or would be.
    pub admin_socket: PathBuf,
    /// Who has which right on all of them.
    pub access: Arc<Access>,
}

impl Listeners {
    /// Binds everything, or nothing is served. What systemd holds for us is taken over.
    pub async fn bind(
        config: &Config,
        tls: &ListenersTls,
        access: &Arc<Access>,
        state_dir: &Path,
        mut activated: ActivatedSockets,
    ) -> Result<Self, DaemonError> {
        let Config { grpc, http, admin, .. } = config;
        let (socket, taken) = (&admin.socket, &mut activated);
        let grpc = Listener::bind(&grpc.listen, "--grpc-listen", &tls.grpc, &grpc.socket, taken).await?;
        let http = Listener::bind(&http.listen, "--http-listen", &tls.http, &http.socket, taken).await?;
        let administration = Listener::bind(&admin.listen, "--admin-listen", &tls.admin, socket, taken).await?;
        let admin_socket = runtime_socket(state_dir);
        let admin = match Listener::bind_unix(&admin_socket, socket, taken).await {
            // Calls come first: they are answered from what is stored.
            Err(DaemonError::Listen { cause, .. }) if cause.kind() == ErrorKind::ReadOnlyFilesystem => {
                let without = no_socket(&admin_socket);
                tracing::error!(%cause, "{without} ({cause})");
                None
            }
            bound => Some(bound?),
        };
        activated.check_all_taken()?;
        Ok(Self { grpc, http, administration, admin, admin_socket, access: Arc::clone(access) })
    }

    /// The files of Unix sockets that were made here.
    pub fn made(&self) -> Vec<PathBuf> {
        let all = [self.grpc.as_ref(), self.http.as_ref(), self.administration.as_ref(), self.admin.as_ref()];
        all.into_iter().flatten().filter_map(|listener| listener.made.clone()).collect()
    }

    /// Where HTTP is answered on an address and port, as a browser has it.
    pub fn http_url(&self) -> Option<String> {
        let listener = self.http.as_ref().filter(|listener| !listener.address.starts_with("unix:"))?;
        let scheme = if listener.tls.is_some() { "https" } else { "http" };
        let address = listener.address.replacen("0.0.0.0:", "127.0.0.1:", 1).replacen("[::]:", "[::1]:", 1);
        Some(format!("{scheme}://{address}"))
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
        if let Some(listener) = &self.administration {
            let over = if listener.tls.is_some() { " over TLS" } else { "" };
            let _ = writeln!(out, "listening on {} (gRPC{over}: everything, by rights)", listener.address);
        }
        if let Some(listener) = &self.admin {
            let _ = writeln!(out, "listening on {} (gRPC: queries and administration)", listener.address);
        }
        let _ = out.flush();
    }
}

/// That nobody can administer the daemon by its Unix socket, and what to do.
pub fn no_socket(path: &Path) -> String {
    format!(
        "the Unix socket for administration cannot be made at {}, on a disk that can only be read: calls are answered, and \
         `rmdd` commands do not reach this daemon. Start it with a directory that can be written in RUNTIME_DIRECTORY \
         (RUNTIME_DIRECTORY=/run/rmdd rmdd serve ...; the commands then with --connect unix:/run/rmdd/rmdd.sock), or make the disk \
         writable and start it again",
        path.display()
    )
}

async fn bind_unix(path: &Path, config: &SocketConfig) -> Result<UnixListener, DaemonError> {
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
    let socket = UnixSocket::new_stream().map_err(|error| refuse(error, ""))?;
    socket.bind(path).map_err(|error| refuse(error, "; does the directory exist?"))?;
    // Nobody can connect before it listens, and by then it is for those alone for whom it is meant.
    give(path, config).inspect_err(|_| {
        let _ = std::fs::remove_file(path);
    })?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(config.mode.0))
        .map_err(|error| refuse(error, "; its mode cannot be set"))?;
    socket.listen(BACKLOG).map_err(|error| refuse(error, ""))
}

/// Whether the owners and groups of Unix sockets are any.
pub fn check_owners(config: &Config) -> Result<(), DaemonError> {
    for socket in [&config.grpc.socket, &config.http.socket, &config.admin.socket] {
        owners(socket)?;
    }
    Ok(())
}

fn owners(config: &SocketConfig) -> Result<(Option<u32>, Option<u32>), DaemonError> {
    let owner = config.owner.as_deref().map(|name| auth::user("socket.owner", name)).transpose();
    let group = config.group.as_deref().map(|name| auth::group("socket.group", name)).transpose();
    let refuse = |error: auth::AccessError| DaemonError::Setting(error.to_string());
    Ok((owner.map_err(refuse)?, group.map_err(refuse)?))
}

/// Gives a socket to its owner and group.
fn give(path: &Path, config: &SocketConfig) -> Result<(), DaemonError> {
    use std::os::unix::fs::MetadataExt;

    let refuse = |cause| DaemonError::Listen {
        address: format!("unix:{}", path.display()),
        cause,
        hint: format!(
            "; it cannot be given to {}: only root can give it to another user, and the daemon must be in the group",
            [&config.owner, &config.group].into_iter().flatten().cloned().collect::<Vec<_>>().join(":")
        ),
    };
    let (owner, group) = owners(config)?;
    let made = std::fs::symlink_metadata(path).map_err(refuse)?;
    // What is so already need not be allowed.
    let (owner, group) = (owner.filter(|owner| *owner != made.uid()), group.filter(|group| *group != made.gid()));
    if owner.is_some() || group.is_some() {
        std::os::unix::fs::lchown(path, owner, group).map_err(refuse)?;
    }
    Ok(())
}
