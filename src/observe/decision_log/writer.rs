//! The thread that writes the log.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;

use super::file::{LogFile, Place};
use super::{DecisionLogConfig, Logged, Message, Shared, line};
use crate::domain::wording::count;
use crate::observe::clock;

/// So many bytes are made into lines before they are written.
const BATCH_BYTES: usize = 64 << 10;

/// After a batch it waits so long before it looks again: while many decisions come, most find it awake, and an answer need
/// not wake it.
const GATHER: Duration = Duration::from_millis(2);

/// How long until a file that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

pub struct Writer {
    entries: mpsc::Receiver<Message>,
    shared: Arc<Shared>,
    file: Option<LogFile>,
    /// The reload after which it was opened.
    reload: u64,
    /// Lines that are not wholly written yet.
    buffer: Vec<u8>,
    /// So many of them are decisions.
    decisions: u64,
    /// So many lines at their beginning say which decisions are logged.
    levels: u64,
    /// Which decisions are logged, as the log says.
    said: Option<Logged>,
    /// Of the first of them, so many bytes are in the file already.
    begun: usize,
    /// Where the file stood then.
    left_at: Option<Place>,
}

impl Writer {
    pub fn new(entries: mpsc::Receiver<Message>, shared: Arc<Shared>) -> Self {
        let (file, buffer, left_at) = (None, Vec::new(), None);
        Self { entries, shared, file, reload: 0, buffer, decisions: 0, levels: 0, said: None, begun: 0, left_at }
    }

    /// Writes until the log is closed and its queue is empty.
    pub fn run(mut self) {
        // A file that cannot be had is better known now than with the first refusal.
        self.say_level();
        self.write_out();
        loop {
            if self.closing() {
                // What is in the queue still comes, and then the end.
                self.entries.close();
            }
            let Some(message) = self.entries.blocking_recv() else { break };
            self.say_level();
            self.take(message);
            while self.buffer.len() < BATCH_BYTES
                && let Ok(message) = self.entries.try_recv()
            {
                self.take(message);
            }
            self.say_dropped();
            self.write_out();
            if !self.closing() {
                thread::park_timeout(GATHER);
            }
        }
        self.say_dropped();
        self.write_out();
        let lost = self.decisions;
        if lost > 0 {
            self.shared.drop_some(lost);
            tracing::error!(
                lost,
                "{lost} decisions could not be written to the decision log before the end",
                lost = count(lost)
            );
        }
        if let Some(Err(error)) = self.file.as_ref().map(LogFile::sync) {
            tracing::error!(%error, "the decision log may not be on the disk: {error}");
        }
    }

    fn closing(&self) -> bool {
        self.shared.closing.load(Ordering::Acquire)
    }

    fn take(&mut self, message: Message) {
        if let Some(entry) = message {
            line::append(&mut self.buffer, &entry);
            self.decisions += 1;
        }
    }

    /// Says which decisions are logged, if that is news and nothing waits to be written before it.
    fn say_level(&mut self) {
        let settings = self.shared.settings.load();
        let logged = settings.log;
        if self.said == Some(logged) || !self.buffer.is_empty() {
            return;
        }
        // Without a log there is none that lacks anything.
        let is_there = || settings.path_in(&self.shared.state_dir).try_exists().unwrap_or(true);
        let nothing_to_say = logged == Logged::Off && !is_there();
        self.said = Some(logged);
        if !nothing_to_say {
            line::append_level(&mut self.buffer, clock::now(), logged);
            self.levels += 1;
        }
    }

    fn say_dropped(&mut self) {
        match self.shared.unsaid.swap(0, Ordering::Relaxed) {
            0 => {}
            dropped => line::append_dropped(&mut self.buffer, clock::now(), dropped),
        }
    }

    /// Writes what is there. While that fails it tries again, until the log is closed; then once more.
    fn write_out(&mut self) {
        loop {
            let closing = self.closing();
            let settings = self.shared.settings.load_full();
            match self.attempt(&settings) {
                Ok(()) => {
                    if self.shared.fault.swap(None).is_some() {
                        tracing::info!("the decision log can be written again");
                    }
                    return;
                }
                Err(error) => {
                    self.file = None;
                    self.shared.failures.fetch_add(1, Ordering::Relaxed);
                    let path = settings.path_in(&self.shared.state_dir);
                    let fault = format!("the decision log {} cannot be written: {error}", path.display());
                    if self.shared.fault.swap(Some(Arc::new(fault.clone()))).is_none_or(|before| *before != fault) {
                        tracing::error!(%error, "{fault}");
                    }
                }
            }
            if closing {
                return;
            }
            thread::park_timeout(RETRY);
        }
    }

    fn attempt(&mut self, settings: &DecisionLogConfig) -> io::Result<()> {
        let reload = self.shared.reloads.load(Ordering::Acquire);
        if self.reload != reload {
            (self.reload, self.file) = (reload, None);
        }
        if self.file.is_none() && (settings.log != Logged::Off || !self.buffer.is_empty()) {
            let file = LogFile::open(&settings.path_in(&self.shared.state_dir), self.left_at)?;
            if self.left_at != Some(file.place()) {
                // Another file, or one that somebody else wrote to: the line begins anew in it.
                self.begun = 0;
            }
            self.left_at = Some(file.place());
            self.file = Some(file);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        while !self.buffer.is_empty() {
            let left = self.buffer.get(self.begun..).unwrap_or_default();
            let mut fits = file.room(settings.max_bytes).map_or(left.len(), |room| whole_lines_within(left, room));
            if fits == 0 && self.begun == 0 && !file.is_empty() {
                file.rotate(settings.keep)?;
                self.left_at = Some(file.place());
                // Said again in the new file, which will be the oldest one day.
                self.said = None;
                continue;
            }
            if fits == 0 {
                // A line that has been begun is ended where it began, and one that fits nowhere has a file of its own.
                fits = first_line(left);
            }
            self.begun += file.write(&left[..fits])?;
            self.left_at = Some(file.place());
            let whole = self.buffer.iter().take(self.begun).rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let lines = self.buffer.drain(..whole).filter(|byte| *byte == b'\n').count() as u64;
            self.begun -= whole;
            // What says which are logged comes first, and what says how many are missing last.
            let levels = lines.min(self.levels);
            self.levels -= levels;
            let decisions = (lines - levels).min(self.decisions);
            self.decisions -= decisions;
            self.shared.written.fetch_add(decisions, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn first_line(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1)
}

/// The length of the lines that fit into so many bytes.
fn whole_lines_within(bytes: &[u8], room: u64) -> usize {
    let room = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
    bytes.iter().take(room).rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}
