//! The limit of open files.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Each connection is a file descriptor, and the limit that a shell or systemd gives is meant for programs that use
/// `select`: as many are taken as there may be.
pub fn raise_limit() {
    let raised =
        getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = raised {
        tracing::debug!(%error, "the limit of open files stays as it is: {error}");
    }
}
