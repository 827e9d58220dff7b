//! What the kernel says of this process. Where there is no `/proc`, nothing is said.

use std::fs;

/// What the kernel says of this process.
#[derive(Debug, Clone, PartialEq)]
pub struct Process {
    /// Seconds of processor time that it has used.
    pub cpu_seconds: Option<f64>,
    /// Memory of its own that is in use, in bytes.
    pub resident_bytes: Option<u64>,
    /// Addresses that it has taken, in bytes.
    pub virtual_bytes: Option<u64>,
    /// Open file descriptors.
    pub open_fds: Option<u64>,
    /// How many it may open.
    pub max_fds: Option<u64>,
    /// How many threads it has.
    pub threads: Option<u64>,
}

/// Linux counts the time of processes in hundredths of a second, whatever its clock ticks at.
const TICKS_PER_SECOND: f64 = 100.0;

impl Process {
    /// Asks.
    pub fn read() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        Self {
            cpu_seconds: cpu_seconds(&stat),
            resident_bytes: kilobytes(&status, "VmRSS:"),
            virtual_bytes: kilobytes(&status, "VmSize:"),
            // One of them is the directory that is being read.
            open_fds: fs::read_dir("/proc/self/fd").ok().map(|fds| fds.count().saturating_sub(1) as u64),
            max_fds: max_fds(&limits),
            threads: word(&status, "Threads:").and_then(|word| word.parse().ok()),
        }
    }
}

fn word<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()
}

fn kilobytes(status: &str, name: &str) -> Option<u64> {
    word(status, name)?.parse::<u64>().ok()?.checked_mul(1024)
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    // The name of the program stands in parentheses and may hold anything; the fields of proc(5) follow, from the third.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<u64>().ok();
    Some((ticks(11)? + ticks(12)?) as f64 / TICKS_PER_SECOND)
}

fn max_fds(limits: &str) -> Option<u64> {
    word(limits, "Max open files")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_the_kernel_are_read() {
        let stat = "77 (a) b (c) S 1 77 77 0 -1 4194560 1 2 3 4 150 50 7 8 20 0 9 0 12345 1 2";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds(""), None);
        assert_eq!(kilobytes("VmSize:\t   12 kB\nVmRSS:\t    3 kB\n", "VmRSS:"), Some(3 << 10));
        assert_eq!(max_fds("Max open files            1024                 4096                 files\n"), Some(1024));
        assert_eq!(max_fds("Max open files            unlimited            unlimited            files\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_alive() {
        let process = Process::read();
        assert!(process.resident_bytes.is_some_and(|bytes| bytes > 100_000));
        assert!(process.open_fds.is_some_and(|fds| fds >= 3));
        assert!(process.threads.is_some_and(|threads| threads >= 1));
    }
}
