//! Where the system gives few file descriptors.

use std::process::Command;

use rmdd::api::grpc::v1::acceptance_service_client::AcceptanceServiceClient;
use rmdd_testkit::World;
use tokio::net::TcpStream;

use super::common::{Daemon, Site, by_frn, eventually, rmdd};

/// A daemon that may have so many files open.
fn with_descriptors(site: &Site, most: usize) -> Daemon {
    let command = rmdd();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("ulimit -n {most} && exec \"$0\" \"$@\"")).arg(command.get_program());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.arg("serve").arg("--state-dir").arg(site.state_dir()).args(["--grpc-listen", "127.0.0.1:0", "--source"]);
    shell.arg(site.listing());
    Daemon::spawn(shell)
}

#[tokio::test]
async fn connections_take_no_descriptors_that_the_daemon_needs_and_who_idles_longest_makes_room() {
    let world = World::new(13, 60);
    let site = Site::with_listing(&world.to_csv());
    let frn = world.rows().map(|row| row.get("frn")).find(|frn| !frn.is_empty()).expect("an FRN").to_owned();
    for most in [100, 256] {
        let daemon = with_descriptors(&site, most);
        daemon.first_sync().await;
        // Kept connections that asked once, on both listeners: more than there are descriptors.
        let (mut kept, mut silent) = (Vec::new(), Vec::new());
        let http = daemon.http.as_deref().and_then(|url| url.strip_prefix("http://")).expect("an address").to_owned();
        for place in 0..most {
            let channel = rmdd::api::client::connect_tcp(daemon.tcp.as_deref().expect("a listener")).await;
            if let Ok(mut client) = channel.map(AcceptanceServiceClient::new) {
                client.check_provider(by_frn(&frn)).await.expect("a newcomer is answered, since others are idle");
                kept.push(client);
            }
            silent.push(TcpStream::connect(&http).await.expect("connected"));
            if place % 16 == 0 {
                daemon.status().await;
            }
        }
        eventually("a new one is answered", || async {
            let channel = rmdd::api::client::connect_tcp(daemon.tcp.as_deref().expect("a listener")).await.ok()?;
            AcceptanceServiceClient::new(channel).check_provider(by_frn(&frn)).await.ok()
        })
        .await;
        // The daemon itself: its own socket, a sync that writes, the commands.
        daemon.sync().await;
        let status = site.run(&["status"]);
        assert!(status.status.code().is_some_and(|code| code < 2), "{status:?}");
        let (status, log) = daemon.terminate().await;
        assert!(status.success(), "{status}");
        assert!(log.contains("LimitNOFILE") && log.contains(&format!("{most} file descriptors")), "{log}");
        assert!(!log.contains("Too many open files"), "{log}");
    }
}
