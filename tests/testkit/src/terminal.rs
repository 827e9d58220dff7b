//! A terminal of a given size, and what a command shows on it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::termios::{LocalFlags, tcgetattr};

/// Long enough for any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command that runs on a terminal of its own.
pub struct Terminal {
    child: Child,
    controller: File,
    /// Kept open: what it is set to outlives the command.
    user: OwnedFd,
    shown: String,
    coming: Receiver<Vec<u8>>,
}

impl Terminal {
    /// Starts a command on a terminal of so many columns and rows: it is its input, its output and where it complains.
    ///
    /// # Errors
    ///
    /// If there is no terminal to be had, or the command does not start.
    pub fn start(mut command: Command, columns: u16, rows: u16) -> io::Result<Self> {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave: user } = openpty(&size, None)?;
        command.stdin(user.try_clone()?).stdout(user.try_clone()?).stderr(user.try_clone()?);
        let child = command.spawn()?;
        // It holds the terminal, too.
        drop(command);
        let controller = File::from(master);
        let mut reader = controller.try_clone()?;
        let (sender, coming) = sync_channel(1024);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read) = reader.read(&mut bytes) {
                if read == 0 || sender.send(bytes.get(..read).unwrap_or_default().to_vec()).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, controller, user, shown: String::new(), coming })
    }

    /// Types these.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn type_in(&mut self, keys: &str) -> io::Result<()> {
        self.controller.write_all(keys.as_bytes())
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether what is typed is shown and read line by line, as a shell leaves it.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn is_as_it_was(&self) -> io::Result<bool> {
        let flags = tcgetattr(&self.user)?.local_flags;
        Ok(flags.contains(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG))
    }

    fn take(&mut self, within: Duration) -> bool {
        match self.coming.recv_timeout(within) {
            Ok(bytes) => {
                self.shown.push_str(&String::from_utf8_lossy(&bytes));
                true
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }

    /// Waits until a text is shown that was not before; returns all that was shown so far.
    ///
    /// # Panics
    ///
    /// If it never is.
    pub fn wait_for(&mut self, text: &str) -> String {
        let (deadline, from) = (Instant::now() + PATIENCE, self.shown.len());
        while !self.shown.get(from..).unwrap_or_default().contains(text) {
            assert!(Instant::now() < deadline, "{text:?} is never shown:\n{}", self.shown);
            self.take(Duration::from_millis(50));
        }
        self.shown.clone()
    }

    /// Waits for the end; returns how it ended, all that was shown, and whether the terminal is as it was.
    ///
    /// # Panics
    ///
    /// If it never ends.
    pub fn end(mut self) -> (ExitStatus, String, bool) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            self.take(Duration::from_millis(20));
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                _ if Instant::now() < deadline => {}
                other => panic!("it does not end: {other:?}\n{}", self.shown),
            }
        };
        while self.take(Duration::from_millis(100)) {}
        let as_it_was = self.is_as_it_was().unwrap_or(false);
        (status, std::mem::take(&mut self.shown), as_it_was)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
