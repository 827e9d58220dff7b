//! A network of its own: a namespace for each machine, on one bridge, with rules and links that are ours to break. The harness
//! itself is in a namespace too, so that nothing of it is left when it ends, however that comes.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Stdio};

/// The address of the harness.
pub const HERE: &str = "10.77.0.1";

const BRIDGE: &str = "rmdd0";

/// The name of the harness's end of a machine's link.
fn link(machine: &str) -> String {
    format!("v{machine}")
}

/// The machines, and what is broken between them.
#[derive(Debug)]
pub struct Network {
    addresses: BTreeMap<String, String>,
    /// Rules by the fault that they are of, then by machine.
    rules: BTreeMap<usize, BTreeMap<String, Vec<String>>>,
}

/// Which way nothing comes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Both,
    Out,
    In,
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {}: {said}", arguments.join(" "));
}

fn ip(arguments: &str) {
    run("ip", &arguments.split(' ').collect::<Vec<_>>());
}

/// A command as a machine runs it. The process is the command's own.
pub fn at(machine: &str, command: &Command) -> Command {
    let mut there = Command::new("ip");
    there.args(["netns", "exec", machine]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => there.env(name, value),
            None => there.env_remove(name),
        };
    }
    there.stdin(Stdio::null());
    there
}

impl Network {
    /// Makes it.
    pub fn new(machines: impl IntoIterator<Item = (String, String)>) -> Self {
        let addresses: BTreeMap<String, String> = machines.into_iter().collect();
        // Where namespaces have their names, and where libfaketime has what its processes share.
        for directory in ["/run", "/dev/shm"] {
            run("mount", &["-t", "tmpfs", "rmdd", directory]);
        }
        ip("link set lo up");
        ip(&format!("link add name {BRIDGE} type bridge"));
        ip(&format!("addr add {HERE}/24 dev {BRIDGE}"));
        ip(&format!("link set {BRIDGE} up"));
        for (machine, address) in &addresses {
            let link = link(machine);
            ip(&format!("netns add {machine}"));
            ip(&format!("link add {link} type veth peer name eth0 netns {machine}"));
            ip(&format!("link set {link} master {BRIDGE}"));
            ip(&format!("link set {link} up"));
            ip(&format!("-n {machine} addr add {address}/24 dev eth0"));
            ip(&format!("-n {machine} link set lo up"));
            ip(&format!("-n {machine} link set eth0 up"));
        }
        let network = Self { addresses, rules: BTreeMap::new() };
        for machine in network.addresses.keys() {
            network.put_in_force(machine);
        }
        network
    }

    pub fn address(&self, machine: &str) -> &str {
        &self.addresses[machine]
    }

    /// Nothing comes through between a machine and others, as that machine sees it.
    pub fn cut(&mut self, fault: usize, machine: &str, others: &[String], way: Way) {
        let others: Vec<&str> = others.iter().map(|other| self.address(other)).collect();
        let others = others.join(", ");
        let mut rules = Vec::new();
        if way != Way::In {
            rules.push(format!("add rule inet faults out ip daddr {{ {others} }} drop"));
        }
        if way != Way::Out {
            rules.push(format!("add rule inet faults in ip saddr {{ {others} }} drop"));
        }
        self.rules.entry(fault).or_default().entry(machine.to_owned()).or_default().extend(rules);
        self.put_in_force(machine);
    }

    /// What a machine sends to a port of another goes to one of the harness: connections that there are break off.
    pub fn detour(&mut self, fault: usize, machine: &str, other: &str, port: u16, to: u16) {
        let other = self.address(other).to_owned();
        let rules = self.rules.entry(fault).or_default().entry(machine.to_owned()).or_default();
        rules.push(format!("add rule ip faults_nat out ip daddr {other} tcp dport {port} dnat to {HERE}:{to}"));
        // A connection keeps to the way on which it was made; so it is broken off. Those to the harness are made anew.
        rules.push(format!("add rule inet faults out ip daddr {other} tcp dport {port} reject with tcp reset"));
        self.put_in_force(machine);
    }

    /// What was cut or led elsewhere is whole again.
    pub fn mend(&mut self, fault: usize) {
        for machine in self.rules.remove(&fault).unwrap_or_default().into_keys() {
            self.put_in_force(&machine);
        }
    }

    fn put_in_force(&self, machine: &str) {
        let mut script = String::from(
            "table inet faults\ndelete table inet faults\ntable ip faults_nat\ndelete table ip faults_nat\n\
             table inet faults {\n chain in {\n type filter hook input priority 0;\n }\n \
             chain out {\n type filter hook output priority 0;\n }\n}\n\
             table ip faults_nat {\n chain out {\n type nat hook output priority -100;\n }\n}\n",
        );
        for rule in self.rules.values().filter_map(|rules| rules.get(machine)).flatten() {
            script.push_str(rule);
            script.push('\n');
        }
        let mut nft = Command::new("nft");
        nft.args(["-f", "-"]);
        let mut nft = at(machine, &nft).stdin(Stdio::piped()).spawn().expect("nft runs");
        nft.stdin.take().expect("its input").write_all(script.as_bytes()).expect("read");
        assert!(nft.wait().expect("it ends").success(), "{script}");
    }

    /// Takes a machine's link down, or up again.
    pub fn link(&self, machine: &str, up: bool) {
        ip(&format!("link set {} {}", link(machine), if up { "up" } else { "down" }));
    }

    /// Makes the way from and to a machine a line of 1 Mbit/s, or what it was.
    pub fn slow(&self, machine: &str, slow: bool) {
        let (there, here) = (["-n", machine], link(machine));
        let verb = if slow { "add" } else { "del" };
        let bucket = ["root", "tbf", "rate", "1mbit", "burst", "32kbit", "latency", "400ms"];
        let shape: &[&str] = if slow { &bucket } else { &bucket[..1] };
        run("tc", &[&there[..], &["qdisc", verb, "dev", "eth0"], shape].concat());
        run("tc", &[&["qdisc", verb, "dev", &here], shape].concat());
    }
}

/// Whether a program is on the path.
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = |directory: std::path::PathBuf| std::fs::metadata(directory.join(OsStr::new(program))).is_ok();
    std::env::split_paths(&path).any(found)
}
