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
use crate::daemon::config::{Listen, Loaded, Origin, default_state_dir, of_systemd};
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
    let mut sockets = places(loaded);
    // Where this user may not look, it cannot ask; [`refusing`] tells of that.
    sockets.retain(|socket| socket.try_exists().unwrap_or(false));
    sockets
}

/// The same, whether something is there or not.
fn places(loaded: &Loaded) -> Vec<PathBuf> {
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
    sockets
}

/// What keeps this user from the daemon that may run here.
enum Refusing {
    /// A socket that is there.
    Socket(PathBuf),
    /// A directory that is not to be entered: whether there is a socket in it is not to be seen.
    Directory(PathBuf),
}

impl Refusing {
    fn path(&self) -> &Path {
        match self {
            Self::Socket(path) | Self::Directory(path) => path,
        }
    }
}

/// The socket of a daemon that is there and not for this user, or the directory where one may be that is not. Of the
/// installation that is meant, where one is named; a directory of another one says nothing of it.
fn refusing(global: &Global, loaded: &Loaded) -> Option<Refusing> {
    let refuses = |socket: &PathBuf| {
        std::os::unix::net::UnixStream::connect(socket).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
    };
    let meant = installation(global, loaded);
    let is_of_it = |socket: &Path| match meant {
        None => true,
        Some(state) if socket == Path::new(SYSTEM_SOCKET) => state == Path::new(SYSTEM_STATE),
        Some(state) => {
            socket.starts_with(state) || of_systemd("RUNTIME_DIRECTORY").is_some_and(|of| socket.starts_with(of))
        }
    };
    places(loaded).into_iter().filter(refuses).find_map(|socket| match socket.try_exists() {
        Ok(_) => Some(Refusing::Socket(socket)),
        Err(_) if is_of_it(&socket) => closed_directory(&socket).map(Refusing::Directory),
        Err(_) => None,
    })
}

/// The directory on the way to a path that is not to be entered: the last that is seen.
fn closed_directory(path: &Path) -> Option<PathBuf> {
    path.ancestors().skip(1).find(|directory| std::fs::metadata(directory).is_ok()).map(Path::to_owned)
}

/// What to say where nobody could be asked, if the daemon's socket is not for this user, or where it may be is not.
pub fn closed(global: &Global, loaded: &Loaded) -> Option<anyhow::Error> {
    let refusing = refusing(global, loaded)?;
    let (path, join) = (refusing.path().display(), join(refusing.path()));
    let over_tcp = match listener(loaded) {
        Some(url) if !url.ends_with(":0") => format!("(--connect {url})"),
        Some(_) => "(at the port that it printed when it was started: --connect http://127.0.0.1:PORT)".to_owned(),
        None => "where it has a listener for that (grpc.listen is off)".to_owned(),
    };
    Some(match refusing {
        Refusing::Socket(_) => anyhow!(
            "only its owner, its group and root may use the daemon's socket {path}: be one of these{join}, or ask it over \
             TCP what is no administration {over_tcp}"
        ),
        Refusing::Directory(_) => anyhow!(
            "whether a daemon runs is not for you to see: only its owner, its group and root may enter {path}, where its \
             socket is. Be one of these{join}, or ask it over TCP what is no administration {over_tcp}"
        ),
    })
}

/// How to come into the group of a socket or directory.
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

/// Where the daemon of this configuration answers questions over gRPC.
fn listener(loaded: &Loaded) -> Option<String> {
    let grpc = &loaded.config.grpc;
    match &grpc.listen {
        Listen::Off => None,
        Listen::Unix(path) => Some(format!("unix:{}", path.display())),
        Listen::Tcp(address) => {
            let scheme = if grpc.tls.certificate.is_some() { "https" } else { "http" };
            Some(format!("{scheme}://{}", reached_at(*address)))
        }
    }
}

/// Whether the listener that the settings name is that of the installation that is meant. A state directory that a flag or
/// the environment names has a daemon that may listen anywhere; a configuration that was named says where its own does.
fn is_its_own(global: &Global, loaded: &Loaded) -> bool {
    let by_file = || {
        loaded.origin("state_dir") == Origin::File
            && matches!(loaded.origin("grpc.listen"), Origin::File | Origin::Default)
    };
    installation(global, loaded).is_none() || by_file()
}

/// The listener for queries of a daemon whose Unix socket is not for this user, if it answers. Where the installation that
/// was named cannot be told from others there, it is not asked.
pub async fn at_its_listener(global: &Global, loaded: &Loaded) -> Option<Target> {
    let refusing = refusing(global, loaded).filter(|_| is_its_own(global, loaded))?;
    let url = listener(loaded)?;
    let daemon = connect(&url, global).await.ok()?;
    let what = match &refusing {
        Refusing::Socket(socket) => format!("The daemon's socket {}", socket.display()),
        Refusing::Directory(directory) => {
            format!("The directory {}, where the daemon's socket is,", directory.display())
        }
    };
    text::aside(format_args!(
        "{what} is for its owner, its group and root: asking {url}, which answers questions only."
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

/// All directories of this machine in which an installation of rmdd may keep its state: those that the settings name, that of
/// systemd's daemon, the user's own and that of the example.
pub fn state_dirs(loaded: &Loaded) -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = state_dir(loaded).ok().into_iter().collect();
    directories.push(SYSTEM_STATE.into());
    directories.extend(default_state_dir());
    directories.extend(example::default_directory());
    directories
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
pub fn hint(error: anyhow::Error, state_dir: &Path, loaded: &Loaded) -> anyhow::Error {
    match error.downcast_ref() {
        Some(StoreError::Held { path }) => match silent(state_dir, loaded) {
            Some(socket) => anyhow!(
                "the daemon that has the store {} takes the connection at {} and does not answer: it hangs, or is stopped. \
                 See its log, and whether it goes on by itself; else systemctl restart rmdd",
                path.display(),
                socket.display()
            ),
            None => error,
        },
        Some(StoreError::Missing { .. }) if store::was_there(state_dir) => anyhow!(
            "no daemon runs, and {error}. What stands beside it shows that there was one: the daemon begins it again from \
             that and the journal of your records when it starts"
        ),
        Some(StoreError::Missing { .. }) => anyhow!("no daemon runs, and {error}"),
        Some(StoreError::NotAccessible { source, .. }) if source.kind() == ErrorKind::PermissionDenied => {
            anyhow!("no daemon runs, and {error}: be its owner or root")
        }
        _ => error,
    }
}

/// The socket of the daemon of this state directory, if it takes connections.
fn silent(state_dir: &Path, loaded: &Loaded) -> Option<PathBuf> {
    let is_of_it = |socket: &PathBuf| {
        socket.starts_with(state_dir) || (state_dir == Path::new(SYSTEM_STATE) && *socket == Path::new(SYSTEM_SOCKET))
    };
    let takes = |socket: &PathBuf| std::os::unix::net::UnixStream::connect(socket).is_ok();
    std::iter::once(state_dir.join(SOCKET_NAME)).chain(sockets(loaded)).filter(is_of_it).find(takes)
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
