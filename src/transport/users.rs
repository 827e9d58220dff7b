//! What users of this machine are called.
//!
//! The machine may have to ask a directory on the network, which takes as long as it takes. So names are looked up where
//! something may wait for them ([`ask`]), and kept in mind for where nothing may ([`called`]).

use std::collections::HashMap;
use std::fmt;
use std::sync::mpsc::SyncSender;
use std::sync::{LazyLock, PoisonError, RwLock};

use nix::unistd::{Uid, User};

/// So many users are kept in mind.
const MOST: usize = 4096;

/// What was found out: nothing of a user that has no name.
static KNOWN: LazyLock<RwLock<HashMap<u32, Option<String>>>> = LazyLock::new(RwLock::default);

/// So many users wait to be asked for.
const WAITING: usize = 64;

/// The thread that asks. Nothing where the machine has none left for it.
static LEARNER: LazyLock<Option<SyncSender<u32>>> = LazyLock::new(|| {
    let (wanted, asked) = std::sync::mpsc::sync_channel::<u32>(WAITING);
    let learns = move || {
        for uid in asked {
            ask_once(uid);
        }
    };
    std::thread::Builder::new().name("users".to_owned()).spawn(learns).ok().map(|_| wanted)
});

/// The superuser is called so even where no file says it, as in a container that has none.
const ROOT: &str = "root";

/// What a user is called, asked anew; nothing where nobody knows. It may take a while.
pub fn ask(uid: u32) -> Option<String> {
    let found = User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.name);
    let found = found.or_else(|| (uid == 0).then(|| ROOT.to_owned()));
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if known.len() < MOST || known.contains_key(&uid) {
        known.insert(uid, found.clone());
    }
    found
}

/// The same, asked only where it is not known yet.
pub fn ask_once(uid: u32) -> Option<String> {
    match known(uid) {
        Some(known) => known,
        None => ask(uid),
    }
}

fn known(uid: u32) -> Option<Option<String>> {
    KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&uid).cloned()
}

/// Has a user's name looked up beside all other work, on a thread that does nothing else; nothing waits for it.
pub fn learn(uid: u32) {
    if known(uid).is_none()
        && let Some(wanted) = LEARNER.as_ref()
    {
        // Where many wait to be asked for, it is asked for when that user comes again.
        let _ = wanted.try_send(uid);
    }
}

/// A user by name, as far as that is known; else by number. It asks nobody.
pub fn called(uid: u32) -> impl fmt::Display {
    match known(uid).flatten() {
        Some(name) => format!("user {name}"),
        None => format!("uid {uid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_called_by_the_name_that_was_found_out_and_else_by_the_number() {
        // No test asks for these but this one.
        assert_eq!(called(3_999_999_998).to_string(), "uid 3999999998");
        assert_eq!((ask(3_999_999_998), ask_once(3_999_999_998)), (None, None));
        assert_eq!(called(3_999_999_998).to_string(), "uid 3999999998", "it has no name");
        assert_eq!((ask(0).as_deref(), ask_once(0).as_deref()), (Some(ROOT), Some(ROOT)));
        assert_eq!(called(0).to_string(), "user root");
    }
}
