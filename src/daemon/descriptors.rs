//! The limit of open files.
//!
//! Each connection is a descriptor, and so is much that the daemon needs for itself: the store, the archive, the journal, a
//! fetch, its own Unix socket. What the system gives is shared out at the start, so that connections never take what the
//! rest lives on: so many are kept back, a part is for the administration, and the listeners for queries share the others.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::transport::LEAVING_PART;

/// So many are kept for the daemon itself: some thirty when nothing is done, the others for syncs and copies.
const OWN: usize = 64;

/// With fewer than twice that, half of them are.
const OWN_PART: usize = 2;

/// The part of the others that the listeners for administration have, and the most of it.
const ADMINISTRATION_PART: usize = 8;
const ADMINISTRATION: usize = 256;

/// A listener has so many connections, however few descriptors there are.
const LEAST: usize = 4;

/// How many connections a listener may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// One for queries.
    pub queries: usize,
    /// One for administration.
    pub administration: usize,
}

/// The limit that a shell or systemd gives is meant for programs that use `select`: as many are taken as there may be.
/// Returns how many there are; nothing if that is not known.
pub fn raise_limit() -> Option<usize> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    if let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, most, most) {
        tracing::debug!(%error, "the limit of open files stays as it is: {error}");
    }
    let (now, _) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    Some(usize::try_from(now).unwrap_or(usize::MAX))
}

impl Connections {
    /// Shares so many descriptors out, among so many listeners for queries and for administration, of which none wants more
    /// connections than `wanted`. Each has some for connections that were told to make room and are not closed yet.
    pub fn share_out(descriptors: Option<usize>, wanted: usize, queries: usize, administration: usize) -> Self {
        let all = descriptors.unwrap_or(usize::MAX);
        let free = all.saturating_sub(OWN.min(all / OWN_PART));
        let for_administration = (free / ADMINISTRATION_PART).min(ADMINISTRATION);
        let each = |of: usize, listeners: usize| {
            let places = of / listeners.max(1);
            (places - places / (LEAVING_PART + 1)).max(LEAST).min(wanted)
        };
        Self {
            queries: each(free - for_administration, queries),
            administration: each(for_administration, administration),
        }
    }

    /// Says so where listeners for queries have fewer than they were to have.
    pub fn announce(self, descriptors: Option<usize>, wanted: usize) {
        if let Some(descriptors) = descriptors.filter(|_| self.queries < wanted) {
            let connections = self.queries;
            tracing::warn!(
                connections,
                descriptors,
                "the system gives this process {descriptors} file descriptors: each listener for queries holds {connections} \
                 connections and not {wanted} (limits.connections); raise LimitNOFILE= of the service, or ulimit -Hn"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_gives_is_shared_out_and_some_is_kept() {
        let shared = |descriptors, wanted| {
            let Connections { queries, administration } = Connections::share_out(descriptors, wanted, 2, 1);
            (queries, administration)
        };
        assert_eq!(shared(None, 4096), (4096, 228));
        assert_eq!(shared(Some(524_288), 4096), (4096, 228));
        assert_eq!(shared(Some(1024), 4096), (374, 107));
        assert_eq!(shared(Some(100), 4096), (20, 6));
        assert_eq!(shared(Some(10), 4096), (LEAST, LEAST));
        assert_eq!(shared(Some(524_288), 2), (2, 2));
    }
}
