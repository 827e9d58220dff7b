//! What was measured, beside what it should be.

use std::time::Duration;

/// Rows of the table.
#[derive(Default)]
pub struct Figures(Vec<[String; 3]>);

impl Figures {
    pub fn add(&mut self, what: &str, target: &str, measured: String) {
        println!("{what}: {measured} (target {target})");
        self.0.push([what.to_owned(), target.to_owned(), measured]);
    }

    pub fn print(&self) {
        println!("\n| what | target | measured |\n|---|---|---|");
        for [what, target, measured] in &self.0 {
            println!("| {what} | {target} | {measured} |");
        }
    }
}

/// How long things took.
#[derive(Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn push(&mut self, took: Duration) {
        self.0.push(took);
    }

    /// So many of a hundred took no longer.
    pub fn percentile(&self, of: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = (sorted.len() as f64 * of / 100.0).ceil() as usize;
        sorted.get(place.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// The middle, the one that one of a hundred exceeds, and the longest.
    pub fn said(&self) -> String {
        let [p50, p99, most] = [50.0, 99.0, 100.0].map(|of| said(self.percentile(of)));
        format!("p50 {p50}, p99 {p99}, longest {most} of {}", self.0.len())
    }

    /// Each of them.
    pub fn each(&self) -> String {
        self.0.iter().copied().map(said).collect::<Vec<_>>().join(", ")
    }
}

pub fn said(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds >= 1.0 => format!("{seconds:.2} s"),
        seconds if seconds >= 0.001 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{:.0} µs", seconds * 1e6),
    }
}
