//! Who is answered and who is not: certificates, tokens, sockets, rights, through a real daemon and real connections.

#[path = "../common/mod.rs"]
mod common;

mod administration;
mod pki;
mod renewal;
mod sockets;
mod tls;
mod tokens;

use std::path::PathBuf;

use common::{Daemon, Site};
use rmdd_testkit::World;

/// A site with a listing and a configuration of its own.
struct Secured {
    site: Site,
    /// Filings of the listing that certify something, by number.
    number: String,
}

impl Secured {
    fn new() -> Self {
        let world = World::new(91, 40);
        let number = world.rows().next().expect("a filing").get("number").to_owned();
        Self { site: Site::with_listing(&world.to_csv()), number }
    }

    /// A file of this site.
    fn path(&self, name: &str) -> PathBuf {
        self.site.directory.path().join(name)
    }

    /// Writes a file that nobody else may read, whole at once.
    fn write(&self, name: &str, content: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;

        let (path, beside) = (self.path(name), self.path("being-written"));
        std::fs::write(&beside, content).expect("written");
        std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o600)).expect("its mode set");
        std::fs::rename(beside, &path).expect("renamed");
        path
    }

    /// Puts these settings in the configuration.
    fn configure(&self, settings: &str) {
        self.write("rmdd.toml", &format!("source = {:?}\n{settings}", self.site.listing()));
    }

    fn config(&self) -> String {
        self.path("rmdd.toml").display().to_string()
    }

    async fn start(&self) -> Daemon {
        let daemon = self.site.start_with(&["--config", &self.config()]);
        daemon.first_sync().await;
        daemon
    }

    /// What a command that is expected to fail says.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.site.run(&[&["--config", &self.config()], arguments].concat());
        assert!(!output.status.success(), "{}", common::stdout(&output));
        common::stderr(&output)
    }
}
