//! Unix sockets: who may open them, and what they may do there.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use rmdd::api::client::connect_unix;
use rmdd::api::grpc::v1::acceptance_service_client::AcceptanceServiceClient;
use rmdd::api::grpc::v1::admin_service_client::AdminServiceClient;
use rmdd::api::grpc::v1::{CompactRequest, GetStatusRequest};
use tonic::Code;

use super::Secured;
use super::common::{self, by_number, stderr, stdout};

/// Whether this test is run by root, who alone can give files away and become others.
fn is_root() -> bool {
    std::fs::metadata("/proc/self").expect("a process").uid() == 0
}

/// By another process: a program that this one has open to write cannot be started, nor while a child of another test still
/// holds that.
fn copy_program(to: &Path) {
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_rmdd")).arg(to).status();
    assert!(copied.expect("it runs").success());
}

#[tokio::test]
async fn sockets_have_the_mode_and_the_group_that_they_are_given() {
    let secured = Secured::new();
    let query = secured.path("query.sock");
    // A group that this process is in; root is in any.
    let group = if is_root() { 4242 } else { std::fs::metadata("/proc/self").expect("a process").gid() };
    secured.configure(&format!(
        "[grpc.socket]\nmode = \"0666\"\n[admin.socket]\nmode = \"0600\"\ngroup = \"{group}\"\n[limits]\nthreads = 1\n"
    ));
    let mut command = common::rmdd();
    command.args(["serve", "--config", &secured.config(), "--grpc-listen", &format!("unix:{}", query.display())]);
    command.arg("--state-dir").arg(secured.site.state_dir());
    let daemon = common::Daemon::spawn(command);
    daemon.first_sync().await;
    let of = |path: &std::path::Path| std::fs::metadata(path).expect("a socket");
    assert_eq!(of(&query).permissions().mode() & 0o777, 0o666);
    assert_eq!(of(&daemon.socket).permissions().mode() & 0o777, 0o600);
    assert_eq!(of(&daemon.socket).gid(), group);
    daemon.terminate().await;

    for (settings, said) in [
        ("[admin.socket]\nmode = \"0666\"\n", "everybody on this machine"),
        ("[admin.socket]\nmode = \"rw\"\n", "octal"),
        ("[admin.socket]\ngroup = \"no-such-group\"\n", "no-such-group"),
        ("[admin]\nusers = [\"no-such-user\"]\n", "no-such-user"),
    ] {
        secured.configure(settings);
        let refused = secured.refused(&["config", "check"]);
        assert!(refused.contains(said), "{refused}");
    }
}

#[tokio::test]
async fn on_a_query_socket_who_may_open_it_may_ask_whatever_tokens_are_required_elsewhere() {
    let secured = Secured::new();
    let query = secured.path("query.sock");
    secured.configure(&format!("[access]\nrequire = true\n{}", secured.tokens()));
    let mut command = common::rmdd();
    command.args(["serve", "--config", &secured.config(), "--grpc-listen", &format!("unix:{}", query.display())]);
    command.arg("--state-dir").arg(secured.site.state_dir());
    let daemon = common::Daemon::spawn(command);
    daemon.first_sync().await;
    let channel = connect_unix(&query).await.expect("it listens");
    AcceptanceServiceClient::new(channel.clone()).check_provider(by_number(&secured.number)).await.expect("a verdict");
    let refused = AdminServiceClient::new(channel).get_status(GetStatusRequest {}).await.expect_err("queries only");
    assert_eq!(refused.code(), Code::Unimplemented);
}

#[tokio::test]
async fn admins_that_are_named_are_told_from_others_by_their_user_and_groups() {
    let secured = Secured::new();
    // The daemon's own user always is one.
    secured.configure("[admin]\nusers = [\"4711\"]\n");
    let daemon = secured.start().await;
    daemon.admin().await.compact(CompactRequest {}).await.expect("the daemon's own user");
    let socket = daemon.socket.display().to_string();
    if !is_root() {
        println!("left out: only root can become another user");
        return;
    }
    // Somebody else, who may open the socket by its mode.
    for path in [secured.site.directory.path(), &secured.site.state_dir()] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("its mode set");
    }
    std::fs::set_permissions(&daemon.socket, std::fs::Permissions::from_mode(0o666)).expect("its mode set");
    let program = secured.path("rmdd");
    copy_program(&program);
    let as_user = |uid: u32, arguments: &[&str]| {
        use std::os::unix::process::CommandExt;

        let mut command = Command::new(&program);
        command.env_clear().env("HOME", "/").env("NO_COLOR", "1").uid(uid).gid(uid);
        command.args(["--connect", &format!("unix:{socket}")]).args(arguments).output().expect("it runs")
    };
    let status = as_user(4712, &["status"]);
    assert!(stdout(&status).contains("FRESH"), "an operator sees how it stands: {}", stderr(&status));
    let refused = as_user(4712, &["compact"]);
    let said = stderr(&refused);
    assert!(!refused.status.success() && said.contains("uid 4712") && said.contains("needs admin"), "{said}");
    let named = as_user(4711, &["compact"]);
    assert!(named.status.success(), "{}", stderr(&named));

    // Other lists hold for those who are connected already.
    let mut admin = daemon.admin().await;
    secured.configure("[admin]\ngroups = [\"4712\"]\n");
    admin.reload_config(rmdd::api::grpc::v1::ReloadConfigRequest {}).await.expect("reloaded");
    assert!(as_user(4712, &["compact"]).status.success());
    assert!(!as_user(4711, &["compact"]).status.success());

    let (_, log) = daemon.terminate().await;
    assert!(log.contains("Compact was asked for by uid 4711"), "a user without a name is a number: {log}");
    assert!(log.contains("Compact was asked for by user root"), "and one with a name is called by it: {log}");
}

#[tokio::test]
async fn who_may_not_use_the_daemons_socket_is_told_so_and_not_that_none_runs() {
    use std::os::unix::process::CommandExt;

    if !is_root() {
        println!("left out: only root can become another user");
        return;
    }
    let secured = Secured::new();
    secured.configure("");
    let daemon = secured.start().await;
    for path in [secured.site.directory.path(), &secured.site.state_dir()] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("its mode set");
    }
    let program = secured.path("rmdd");
    copy_program(&program);
    let as_nobody = |arguments: &[&str]| {
        let mut asked = Command::new(&program);
        asked.env_clear().env("HOME", "/").env("NO_COLOR", "1").uid(4712).gid(4712);
        asked.args(arguments).output().expect("it runs")
    };
    for command in ["status", "watch"] {
        let mut asked = Command::new(&program);
        asked.env_clear().env("HOME", "/").env("NO_COLOR", "1").uid(4712).gid(4712);
        let asked = asked.arg("--state-dir").arg(secured.site.state_dir()).arg(command).output().expect("it runs");
        let said = stderr(&asked);
        assert!(!asked.status.success() && !said.contains("no daemon runs") && !said.contains("none runs"), "{said}");
        assert!(said.contains("rmdd.sock: be one of these"), "{said}");
    }

    // A directory that may not be entered hides the socket: that is said, and questions go to the port of the configuration.
    std::fs::set_permissions(secured.site.state_dir(), std::fs::Permissions::from_mode(0o750)).expect("its mode set");
    let port = daemon.tcp.clone().expect("it listens").replace("http://", "");
    let config = secured.path("of-everybody.toml");
    let state = secured.site.state_dir();
    let settings = format!("state_dir = {state:?}\nsource = {:?}\n[grpc]\nlisten = ", secured.site.listing());
    std::fs::write(&config, format!("{settings}\"{port}\"\n")).expect("written");
    let config = config.display().to_string();
    let checked = as_nobody(&["--config", &config, "check", &secured.number]);
    let said = stderr(&checked);
    assert!(stdout(&checked).contains(&secured.number), "{} {said}", stdout(&checked));
    assert!(said.contains(&format!("asking http://{port}, which answers questions only")), "{said}");
    let examined = as_nobody(&["--config", &config, "doctor", "--offline"]);
    let examined = stdout(&examined);
    assert!(
        examined.contains(&format!("Questions go to http://{port}")) && !examined.contains("start rmdd"),
        "{examined}"
    );
    let status = stderr(&as_nobody(&["--config", &config, "status"]));
    assert!(!status.contains("no daemon runs") && status.contains("serves questions only"), "{status}");

    // Where nothing answers there, it is not said that none runs: nobody could know.
    std::fs::write(&config, format!("{settings}\"127.0.0.1:1\"\n")).expect("written");
    for command in ["check 0000000001", "status", "doctor --offline", "watch", "sync"] {
        let asked = as_nobody(&[&["--config", &config], &command.split(' ').collect::<Vec<_>>()[..]].concat());
        let said = stderr(&asked) + &stdout(&asked);
        assert!(
            !asked.status.success() && !said.contains("no daemon runs") && !said.contains("start rmdd"),
            "{command}: {said}"
        );
        assert!(said.contains("--connect http://127.0.0.1:1)") && said.contains("may enter"), "{command}: {said}");
    }
    daemon.terminate().await;
}
