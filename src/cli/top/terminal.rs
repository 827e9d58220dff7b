//! The terminal: taken over, and given back whatever happens.

use std::io::Stdout;
use std::time::Duration;

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::{Frame, Terminal};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// A key is looked for so often; the thread that does so ends as soon after the screen.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// To end.
    Quit,
    /// To stand still, or to go on.
    Pause,
    /// To draw anew: the terminal has another size.
    Redraw,
}

/// A screen that is drawn on. The terminal is as it was before once it is dropped; a panic gives it back before it is told.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    keys: mpsc::Receiver<Key>,
}

impl Screen {
    /// Takes the terminal over.
    pub fn open() -> std::io::Result<Self> {
        // It gives the terminal back in a panic, too.
        let terminal = ratatui::try_init()?;
        let (sender, keys) = mpsc::channel(16);
        let spawned = std::thread::Builder::new().name("keys".to_owned()).spawn(move || read_keys(&sender));
        let screen = Self { terminal, keys };
        spawned.map(|_| screen)
    }

    /// Draws.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> std::io::Result<()> {
        self.terminal.draw(draw).map(|_| ())
    }

    /// The next key; nothing once the terminal is gone.
    pub async fn key(&mut self) -> Option<Key> {
        self.keys.recv().await
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Reads keys until nobody wants to know of them, or there is no terminal any more.
fn read_keys(to: &mpsc::Sender<Key>) {
    while !to.is_closed() {
        match event::poll(LOOK_EVERY) {
            Ok(false) => continue,
            Ok(true) => {}
            Err(_) => return,
        }
        let Ok(event) = event::read() else { return };
        if let Some(key) = meant(&event)
            && to.blocking_send(key).is_err()
        {
            return;
        }
    }
}

fn meant(event: &Event) -> Option<Key> {
    match event {
        Event::Resize(..) => Some(Key::Redraw),
        Event::Key(key) if key.kind != KeyEventKind::Release => match key.code {
            KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Key::Quit),
            KeyCode::Char('l') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Key::Redraw),
            KeyCode::Char('q') | KeyCode::Esc => Some(Key::Quit),
            KeyCode::Char(' ' | 'p') => Some(Key::Pause),
            _ => None,
        },
        _ => None,
    }
}

/// The signals that end it. The terminal is given back before.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Catches them from here on.
    pub fn catch() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one; the exit status that says so.
    pub async fn next(&mut self) -> u8 {
        let number = tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.hangup.recv() => SignalKind::hangup(),
        };
        // As a shell tells it of whoever dies of one.
        u8::try_from(128 + number.as_raw_value()).unwrap_or(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::KeyEvent;

    use super::*;

    #[test]
    fn keys_mean_what_people_expect_of_them() {
        let key = |code, modifiers| meant(&Event::Key(KeyEvent::new(code, modifiers)));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Key::Quit));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::NONE), None);
        assert_eq!(key(KeyCode::Char('q'), KeyModifiers::NONE), Some(Key::Quit));
        assert_eq!(key(KeyCode::Char(' '), KeyModifiers::NONE), Some(Key::Pause));
        assert_eq!(meant(&Event::Resize(5, 5)), Some(Key::Redraw));
    }

    /// Whoever runs this test with it set is on a terminal, and is to panic on it.
    const PANICS: &str = "RMDD_TEST_PANICS_ON_ITS_TERMINAL";

    #[test]
    fn a_panic_gives_the_terminal_back_before_it_is_told() {
        if std::env::var_os(PANICS).is_some() {
            let mut screen = Screen::open().expect("a terminal");
            screen.draw(|_| panic!("it broke while it was drawn")).expect("it does not come here");
        }
        // The same test again, on a terminal of its own.
        let mut command = std::process::Command::new(std::env::current_exe().expect("this program"));
        command.args(["a_panic_gives_the_terminal_back_before_it_is_told", "--nocapture"]);
        command.env(PANICS, "1").env("TERM", "xterm-256color");
        let mut terminal = rmdd_testkit::terminal::Terminal::start(command, 80, 24).expect("a terminal");
        terminal.wait_for("\u{1b}[?1049h");
        let (status, shown, as_it_was) = terminal.end();
        assert!(!status.success() && as_it_was, "{status}: {shown:?}");
        let told = shown.find("it broke while it was drawn").expect("it is told");
        assert!(shown[..told].contains("\u{1b}[?1049l"), "after the screen was left: {shown:?}");
    }
}
