//! Where zstd packs and unpacks: on one thread at a time.
//!
//! It takes its memory from the C library, which keeps for each thread what that thread once freed: 3 MB for every one that has
//! packed a listing. Threads that come one after the other are given the same memory again. (jemalloc in the place of the C
//! library's allocator would give it back, but a program that is loaded with what asks for the time or for symbols while it
//! starts, as libfaketime does, then waits for itself.)

use std::io;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

static TURN: Mutex<()> = Mutex::new(());

/// Packs or unpacks, once nobody else does.
///
/// # Errors
///
/// What the work fails with, or if the system gives no thread.
pub(crate) fn in_turn<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    // Nothing is left half done by a panic: there is nothing behind the lock.
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    thread::scope(|scope| {
        let worker = thread::Builder::new().name("zstd".to_owned()).spawn_scoped(scope, work)?;
        worker.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}
