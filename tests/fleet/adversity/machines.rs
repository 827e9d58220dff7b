//! The machines: three members of etcd and five sites, each a process of its own in a namespace of its own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use super::book::Book;
use super::network::{HERE, at};
use crate::common::rmdd;
use crate::sites::NAMES;

/// Where the source is.
pub const SOURCE: &str = "10.77.0.1:8000";

/// Sites come to etcd here, by TLS, ...
pub const CLIENTS: u16 = 2379;
/// ... the harness here, ...
pub const HARNESS: u16 = 2378;
/// ... and members to one another here.
pub const PEERS: u16 = 2380;

/// The address of a member.
pub fn member_address(place: usize) -> String {
    format!("10.77.0.{}", 11 + place)
}

/// The address of a site, and whose an address is.
pub fn site_address(place: usize) -> String {
    format!("10.77.0.{}", 21 + place)
}

pub fn site_at(address: std::net::IpAddr) -> Option<usize> {
    (0..NAMES.len()).find(|place| site_address(*place) == address.to_string())
}

/// The name of a member's machine.
pub fn member_name(place: usize) -> String {
    format!("m{place}")
}

/// A process, and how it is started again.
#[derive(Debug)]
pub struct Machine {
    pub name: String,
    command: Command,
    child: Option<Child>,
    /// How it is heard.
    log: PathBuf,
    site: Option<(usize, Arc<Book>)>,
}

impl Machine {
    pub fn start(&mut self) {
        assert!(self.child.is_none(), "{} runs", self.name);
        let mut command = at(&self.name, &self.command);
        let log = fs::OpenOptions::new().create(true).append(true).open(&self.log).expect("a log");
        command.stdout(Stdio::null());
        match &self.site {
            None => _ = command.stderr(log.try_clone().expect("the log")),
            Some(_) => _ = command.stderr(Stdio::piped()),
        }
        let mut child = command.spawn().expect("it starts");
        if let (Some(stderr), Some((place, book))) = (child.stderr.take(), self.site.clone()) {
            std::thread::spawn(move || book.hear(place, BufReader::new(stderr).lines(), log));
        }
        self.child = Some(child);
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).expect("a process"));
        kill(pid, signal).expect("signalled");
    }

    /// As a power cut would.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("killed");
        child.wait().expect("gone");
    }

    /// Stops it in good order; says whether it ended so.
    pub fn stop(&mut self) -> bool {
        self.signal(Signal::SIGTERM);
        self.child.take().expect("it runs").wait().expect("gone").success()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| !matches!(child.try_wait(), Ok(None)))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}

/// A key that belongs to nobody else.
fn write_key(path: &Path, pem: &str) {
    let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path).expect("a file");
    std::io::Write::write_all(&mut file, pem.as_bytes()).expect("written");
}

/// An authority, and a certificate for each machine by its name and address.
pub fn certify(directory: &Path, machines: &BTreeMap<String, String>) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "the authority of a test");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let authority = params.self_signed(&key).expect("signed");
    fs::write(directory.join("ca.pem"), authority.pem()).expect("written");
    let issuer = Issuer::new(params, key);
    for (machine, address) in machines {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![address.clone()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, machine.as_str());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &issuer).expect("signed");
        fs::write(directory.join(format!("{machine}.pem")), certificate.pem()).expect("written");
        write_key(&directory.join(format!("{machine}.key")), &key.serialize_pem());
    }
}

/// A member of etcd. Its database is no larger than this.
pub fn member(directory: &Path, program: &Path, place: usize, quota: u64) -> Machine {
    let (name, address) = (member_name(place), member_address(place));
    let cluster: Vec<String> =
        (0..3).map(|place| format!("{}=http://{}:{PEERS}", member_name(place), member_address(place))).collect();
    let file = |extension: &str| directory.join(format!("{name}.{extension}")).display().to_string();
    let (clients, harness) = (format!("https://{address}:{CLIENTS}"), format!("http://{address}:{HARNESS}"));
    let peers = format!("http://{address}:{PEERS}");
    let mut command = Command::new(program);
    for (flag, value) in [
        ("name", name.clone()),
        ("data-dir", file("data")),
        ("listen-client-urls", format!("{clients},{harness}")),
        ("advertise-client-urls", clients),
        ("listen-peer-urls", peers.clone()),
        ("initial-advertise-peer-urls", peers),
        ("initial-cluster", cluster.join(",")),
        ("cert-file", file("pem")),
        ("key-file", file("key")),
        ("trusted-ca-file", directory.join("ca.pem").display().to_string()),
        ("quota-backend-bytes", quota.to_string()),
        ("logger", "zap".to_owned()),
        ("log-level", "warn".to_owned()),
    ] {
        command.args([format!("--{flag}"), value]);
    }
    command.arg("--client-cert-auth").env("ETCD_UNSUPPORTED_ARCH", std::env::consts::ARCH);
    let log = directory.join(format!("{name}.log"));
    Machine { name, command, child: None, log, site: None }
}

/// How the sites are set up.
#[derive(Debug, Clone)]
pub struct SiteSetup {
    pub cron: String,
    pub poll: &'static str,
    pub lease: &'static str,
    /// The library that sets clocks; nothing where there is none.
    pub clocks: Option<PathBuf>,
    /// What is left out of the build.
    pub left_out: Option<String>,
}

/// Where a site has its state.
pub fn state_dir(directory: &Path, place: usize) -> PathBuf {
    directory.join(NAMES[place]).join("state")
}

/// By what a site's clock is set.
pub fn clock_file(directory: &Path, place: usize) -> PathBuf {
    directory.join(NAMES[place]).join("clock")
}

/// Writes a site's configuration; returns where it is.
fn configure(directory: &Path, place: usize, setup: &SiteSetup) -> PathBuf {
    let site = NAMES[place];
    let engine: Vec<String> = (0..3).map(|place| format!("https://{}:{CLIENTS}", member_address(place))).collect();
    let SiteSetup { cron, poll, lease, .. } = setup;
    let file = |name: String| directory.join(name);
    let (ca, certificate, key) = (file("ca.pem".into()), file(format!("{site}.pem")), file(format!("{site}.key")));
    let settings = format!(
        "source = \"http://{SOURCE}/listing.csv\"\n[schedule]\ncron = {cron:?}\n\
         [log]\nlevel = \"warn,rustls=error,rmdd=info,rmdd::fleet=trace\"\nformat = \"json\"\n\
         [disk]\nlow_bytes = 1048576\n\
         [vet]\ncorroborate_loss_percent = 90.0\nmax_loss_percent = 90.0\ncorroborate_growth_percent = 900.0\n\
         max_growth_percent = 900.0\ncorroborate_amended_percent = 90.0\nmax_amended_percent = 90.0\n\
         [fetch]\nretry_min = \"1s\"\nretry_max = \"3s\"\n\
         [fleet]\nname = \"east\"\nengine = {engine:?}\nsite = {site:?}\npoll = {poll:?}\nlease = {lease:?}\n\
         [fleet.tls]\nca = {ca:?}\ncertificate = {certificate:?}\nkey = {key:?}\n"
    );
    let path = directory.join(site).join("rmdd.toml");
    fs::write(&path, settings).expect("written");
    path
}

/// A command of rmdd at a site.
pub fn command(directory: &Path, place: usize, setup: &SiteSetup, arguments: &[&str]) -> Command {
    let config = configure(directory, place, setup);
    let mut command = rmdd();
    command.arg("--state-dir").arg(state_dir(directory, place)).arg("--config").arg(config).args(arguments);
    if let Some(library) = &setup.clocks {
        // What counts the time that has passed is no clock that somebody sets.
        command.env("LD_PRELOAD", library).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command.env("FAKETIME_TIMESTAMP_FILE", clock_file(directory, place)).env("FAKETIME_CACHE_DURATION", "1");
    }
    if let Some(left_out) = &setup.left_out {
        command.env("LEFT_OUT_OF_THE_FLEET", left_out);
    }
    command
}

/// A site.
pub fn site(directory: &Path, place: usize, setup: &SiteSetup, book: &Arc<Book>) -> Machine {
    let name = NAMES[place].to_owned();
    let serve = ["serve", "--grpc-listen", "127.0.0.1:0"];
    let command = command(directory, place, setup, &serve);
    let log = directory.join(format!("{name}.log"));
    Machine { name, command, child: None, log, site: Some((place, Arc::clone(book))) }
}

/// Sets a site's clock, as libfaketime writes it: "+2d", "-3h", "+0 x1.2".
pub fn set_clock(directory: &Path, place: usize, to: &str) {
    let path = clock_file(directory, place);
    let beside = path.with_extension("new");
    fs::write(&beside, format!("{to}\n")).expect("written");
    fs::rename(beside, path).expect("renamed");
}

/// Where the harness is, for those who listen.
pub fn here(port: u16) -> String {
    format!("{HERE}:{port}")
}
