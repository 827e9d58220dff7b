//! The bounds of the systemd unit, for a daemon that no systemd started.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A group of processes with the bounds of the systemd unit.
pub struct Bounds {
    directories: Vec<PathBuf>,
}

impl Bounds {
    /// Makes one, of either version of cgroups. Nothing where that may not be done: then the bounds are not tried.
    pub fn make() -> Option<Self> {
        let unit = include_str!("../../systemd/rmdd.service");
        let setting = |name: &str| unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let memory = match setting("MemoryMax")?.split_at(setting("MemoryMax")?.len() - 1) {
            (number, "G") => number.parse::<u64>().ok()? << 30,
            (number, "M") => number.parse::<u64>().ok()? << 20,
            _ => return None,
        };
        let tasks = setting("TasksMax")?;
        let name = format!("rmdd-attack-{}", std::process::id());
        let group = |root: &str, bounds: &[(&str, String)]| -> Option<PathBuf> {
            let directory = Path::new(root).join(&name);
            std::fs::create_dir(&directory).ok()?;
            bounds.iter().try_for_each(|(file, bound)| std::fs::write(directory.join(file), bound)).ok()?;
            Some(directory)
        };
        let root = "/sys/fs/cgroup";
        let directories = match std::fs::metadata(format!("{root}/cgroup.controllers")) {
            Ok(_) => vec![group(root, &[("memory.max", memory.to_string()), ("pids.max", tasks.to_owned())])?],
            Err(_) => vec![
                group(&format!("{root}/memory"), &[("memory.limit_in_bytes", memory.to_string())])?,
                group(&format!("{root}/pids"), &[("pids.max", tasks.to_owned())])?,
            ],
        };
        Some(Self { directories })
    }

    /// A command in it.
    pub fn within(&self, command: &Command) -> Command {
        let mut shell = Command::new("sh");
        let enter: String =
            self.directories.iter().map(|place| format!("echo $$ > {}/cgroup.procs && ", place.display())).collect();
        shell.arg("-c").arg(format!("{enter} exec \"$0\" \"$@\"")).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell
    }

    /// The most memory that it ever had, what the kernel holds for it included, in KiB.
    pub fn peak_kib(&self) -> Option<u64> {
        let peak =
            |file| std::fs::read_to_string(self.directories.first()?.join(file)).ok()?.trim().parse::<u64>().ok();
        Some(peak("memory.max_usage_in_bytes").or_else(|| peak("memory.peak"))? >> 10)
    }
}

impl Drop for Bounds {
    fn drop(&mut self) {
        for directory in &self.directories {
            let _ = std::fs::remove_dir(directory);
        }
    }
}
