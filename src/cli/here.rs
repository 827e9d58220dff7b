//! What of rmdd is on this machine: sockets of daemons, state directories, and what to say where they are of no use.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use nix::unistd::{Gid, Group, Uid, geteuid, setegid, seteuid};

use super::connect::connect;
use super::target::Target;
use super::{Global, text};
use crate::daemon::config::{Listen, Loaded, Origin, default_state_dir};
use crate::daemon::{SOCKET_NAME, example, runtime_socket};
use crate::store::{self, FILE_NAME, StoreError};

/// Where systemd keeps the daemon's socket.
pub const SYSTEM_SOCKET: &str = "/run/rmdd/rmdd.sock";

/// Where systemd keeps the daemon's state.
pub const SYSTEM_STATE: &str = "/var/lib/rmdd";

/// The state directory of the one installation that is meant, where flags, the environment or a configuration that was
/// named say so. The daemon of another one is not whom to ask.
pub fn installation<'a>(global: &Global, loaded: &'a Loaded) -> Option<&'a Path> {
    let meant = match loaded.origin("state_dir") {
        Origin::Flag | Origin::Environment => true,
        Origin::File => global.config.is_some(),
        Origin::Default => false,
    };
    loaded.config.state_dir.as_deref().filter(|_| meant)
}

/// Where a daemon's socket may be, the likeliest first: where the settings in force say, then where systemd's daemon and the
/// user's own have theirs.
pub fn sockets(loaded: &Loaded) -> Vec<PathBuf> {
    let mut sockets = Vec::new();
    if let Some(directory) = &loaded.config.state_dir {
        sockets.push(directory.join(SOCKET_NAME));
    }
    if let Listen::Unix(path) = &loaded.config.admin.listen {
        sockets.push(path.clone());
    }
    if std::env::var_os("RUNTIME_DIRECTORY").is_some() {
        sockets.push(runtime_socket(Path::new("")));
    }
    sockets.push(SYSTEM_SOCKET.into());
    if let Ok(directory) = default_state_dir() {
        sockets.push(directory.join(SOCKET_NAME));
    }
    sockets.extend(example::default_directory().map(|directory| directory.join(SOCKET_NAME)));
    // Where this user may not look, nothing is there for it.
    sockets.retain(|socket| socket.try_exists().unwrap_or(false));
    sockets
}

/// The socket of a daemon that is there and not for this user.
fn refusing(loaded: &Loaded) -> Option<PathBuf> {
    let refuses = |socket: &PathBuf| {
        std::os::unix::net::UnixStream::connect(socket).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
    };
    sockets(loaded).into_iter().find(refuses)
}

/// What to say where nobody could be asked, if a daemon's socket is there and not for this user.
pub fn closed(loaded: &Loaded) -> Option<anyhow::Error> {
    let socket = refusing(loaded)?;
    Some(anyhow!(
        "only its owner, its group and root may use the daemon's socket {}: be one of these{}, or ask it over TCP what is \
         no administration (--connect http://127.0.0.1:7633)",
        socket.display(),
        join(&socket)
    ))
}

/// How to come into a socket's group.
fn join(socket: &Path) -> String {
    let group = std::fs::metadata(socket).ok().and_then(|socket| Group::from_gid(Gid::from_raw(socket.gid())).ok()?);
    match group.filter(|group| group.gid.as_raw() != 0) {
        Some(group) => format!(" (root puts you into the group: usermod -aG {} USER, then log in anew)", group.name),
        None => String::new(),
    }
}

/// Where a listener of this machine is reached: one for every address, at the loopback's.
pub fn reached_at(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(every) if every.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(every) if every.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// The listener for queries of a daemon whose Unix socket is not for this user, if it answers. One installation that was
/// named cannot be told from others there, so that it is not asked.
pub async fn at_its_listener(global: &Global, loaded: &Loaded) -> Option<Target> {
    let socket = refusing(loaded).filter(|_| installation(global, loaded).is_none())?;
    let grpc = &loaded.config.grpc;
    let url = match &grpc.listen {
        Listen::Off => return None,
        Listen::Unix(path) => format!("unix:{}", path.display()),
        Listen::Tcp(address) => {
            let address = reached_at(*address);
            let scheme = if grpc.tls.certificate.is_some() { "https" } else { "http" };
            format!("{scheme}://{address}")
        }
    };
    let daemon = connect(&url, global).await.ok()?;
    text::aside(format_args!(
        "The daemon's socket {} is for its owner, its group and root: asking {url}, which answers questions only.",
        socket.display()
    ));
    Some(daemon)
}

/// The state directory of a command: the one that is set, else `$STATE_DIRECTORY`, else that of systemd's daemon if this
/// machine has one, else the user's own.
///
/// # Errors
///
/// If there is none of these.
pub fn state_dir(loaded: &Loaded) -> anyhow::Result<PathBuf> {
    match &loaded.config.state_dir {
        Some(directory) => Ok(directory.clone()),
        None if std::env::var_os("STATE_DIRECTORY").is_some() => default_state_dir().map_err(|error| anyhow!(error)),
        None => choose(Path::new(SYSTEM_STATE), default_state_dir()).map_err(|error| anyhow!(error)),
    }
}

/// The system's state directory where it exists, unless only the user's own has a store.
fn choose(system: &Path, own: Result<PathBuf, String>) -> Result<PathBuf, String> {
    // What this user may not look into may be there.
    let there = |path: PathBuf| path.try_exists().unwrap_or(true);
    let only_own_has = |own: &PathBuf| !there(system.join(FILE_NAME)) && there(own.join(FILE_NAME));
    match own {
        _ if !there(system.to_owned()) => own,
        Ok(own) if only_own_has(&own) => Ok(own),
        _ => Ok(system.to_owned()),
    }
}

/// What to say of a store that cannot be worked on where no daemon runs.
pub fn hint(error: anyhow::Error, state_dir: &Path) -> anyhow::Error {
    match error.downcast_ref() {
        Some(StoreError::Missing { .. }) if store::was_there(state_dir) => anyhow!(
            "no daemon runs, and {error}. The archive beside it shows that there was one: the daemon begins it again from \
             that and the journal of your records when it starts"
        ),
        Some(StoreError::Missing { .. }) => anyhow!("no daemon runs, and {error}"),
        Some(StoreError::NotAccessible { source, .. }) if source.kind() == ErrorKind::PermissionDenied => {
            anyhow!("no daemon runs, and {error}: be its owner or root")
        }
        _ => error,
    }
}

/// Goes on as the owner of a directory, where this is root and that is another: a file that root made there would be closed
/// to the daemon.
///
/// # Errors
///
/// If the system does not let it.
pub fn become_owner_of(directory: &Path) -> std::io::Result<()> {
    let Ok(there) = std::fs::metadata(directory) else { return Ok(()) };
    if geteuid().is_root() && there.uid() != 0 {
        // The group first: who is not root may not change it.
        setegid(Gid::from_raw(there.gid()))?;
        seteuid(Uid::from_raw(there.uid()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_go_to_the_systems_directory_where_it_exists() {
        let directory = tempfile::tempdir().expect("a directory");
        let (system, own) = (directory.path().join("system"), directory.path().join("own"));
        let chosen = || choose(&system, Ok(own.clone())).expect("one");
        assert_eq!(chosen(), own, "no such installation");
        std::fs::create_dir(&system).expect("made");
        assert_eq!(chosen(), system);
        std::fs::create_dir(&own).expect("made");
        std::fs::write(own.join(FILE_NAME), "").expect("written");
        assert_eq!(chosen(), own, "the only store that there is");
        std::fs::write(system.join(FILE_NAME), "").expect("written");
        assert_eq!(chosen(), system, "root's own is not taken for that of the daemon");
        assert_eq!(choose(&system, Err("no home".to_owned())), Ok(system));
    }
}
