//! The history while it is written, by many at once.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::history::{At, History, Look, Span, Term};

#[derive(Debug)]
pub struct Book {
    begun: Instant,
    history: Mutex<History>,
    /// Providers that have come or gone a moment ago.
    volatile: Mutex<Vec<Arc<str>>>,
    /// Who fetched is known up to this revision.
    looked: AtomicI64,
}

/// So many providers are asked about.
const VOLATILE: usize = 40;

impl Book {
    pub fn new(history: History) -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            history: Mutex::new(history),
            volatile: Mutex::default(),
            looked: AtomicI64::new(0),
        })
    }

    /// Now.
    pub fn now(&self) -> At {
        self.begun.elapsed()
    }

    /// From then until now.
    pub fn since(&self, begin: At) -> Span {
        Span { begin, end: self.now() }
    }

    pub fn open(&self) -> MutexGuard<'_, History> {
        self.history.lock().expect("nobody has panicked")
    }

    /// The source has another listing.
    pub fn publish(&self, sha256: [u8; 32], numbers: BTreeSet<String>, moved: impl IntoIterator<Item = String>) {
        self.open().listings.insert(sha256, Arc::new(numbers));
        let mut volatile = self.volatile.lock().expect("nobody has panicked");
        volatile.extend(moved.into_iter().map(Arc::from));
        let old = volatile.len().saturating_sub(VOLATILE);
        volatile.drain(..old);
    }

    /// A provider that has come or gone, or may soon; whichever it is by this number.
    pub fn volatile(&self, which: usize) -> Option<Arc<str>> {
        let volatile = self.volatile.lock().expect("nobody has panicked");
        volatile.get(which % volatile.len().max(1)).cloned()
    }

    /// Who fetches, as far as is known.
    pub fn fetcher(&self) -> Option<Term> {
        self.open().holders.last().and_then(|holder| holder.term.clone())
    }

    /// Up to which revision it is known who fetched.
    pub fn looked_up_to(&self) -> i64 {
        self.looked.load(Ordering::Relaxed)
    }

    /// Who fetched is known up to a revision.
    pub fn has_looked(&self, revision: i64) {
        self.looked.store(revision, Ordering::Relaxed);
    }

    /// Listens to a site's log until that ends.
    pub fn hear(&self, site: usize, lines: impl Iterator<Item = io::Result<String>>, mut kept: File) {
        for line in lines {
            let Ok(line) = line else { return };
            let end = self.now();
            let _ = writeln!(kept, "{:.3} {line}", end.as_secs_f64());
            let Ok(said) = serde_json::from_str::<Value>(&line) else { continue };
            match said["message"].as_str() {
                Some("looked") => self.looked(site, end, &said),
                Some("published") => {
                    if let Some(look) = self.open().looks.iter_mut().rfind(|look| look.site == site) {
                        look.published = true;
                        look.span.end = end;
                    }
                }
                Some("appends") => {
                    let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
                    self.open().sent.insert(text("entry"), text("token"));
                }
                _ => {}
            }
        }
    }

    fn looked(&self, site: usize, end: At, said: &Value) {
        let took = Duration::from_micros(said["took_us"].as_u64().unwrap_or_default());
        let span = Span { begin: end.saturating_sub(took), end };
        let revision = said["revision"].as_i64().unwrap_or_default();
        self.open().looks.push(Look { site, span, revision, published: false });
    }
}
