//! The way to a daemon that `--connect` names, and what to say where it leads to none.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{anyhow, bail};
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Uri};
use tonic::{Request, Status};

use super::Global;
use super::here::SYSTEM_SOCKET;
use super::probe::{Speaks, probe};
use super::target::Target;
use crate::api::client::{self, Bearer};
use crate::api::grpc::INTERFACE;
use crate::domain::Interface;

/// A command's connection to a daemon.
pub type Link = InterceptedService<Channel, AsCommand>;

/// Says with every request that a command asks, beside the token that it has: what people ask is counted apart from calls.
#[derive(Debug, Clone)]
pub struct AsCommand(pub Bearer);

impl Interceptor for AsCommand {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert(INTERFACE, MetadataValue::from_static(Interface::Cli.as_str()));
        self.0.call(request)
    }
}

/// Whether a status was made of an answer that is none of gRPC's.
pub fn speaks_no_grpc(status: &Status) -> bool {
    ["invalid compression flag", "mapped from HTTP status code", "invalid content-type"]
        .iter()
        .any(|sign| status.message().contains(sign))
}

/// What to say where something else than gRPC is spoken.
pub fn no_grpc(at: &str, speaks: &str) -> String {
    format!(
        "what answers at {at} {speaks}, as rmdd's HTTP listener does (port 7634 by default): name the daemon's gRPC \
         address (grpc.listen, port 7633 by default) or its Unix socket (unix:{SYSTEM_SOCKET})"
    )
}

/// What became of a connection that gave no answer.
pub fn gone(at: &str, cause: &str) -> anyhow::Error {
    let silent = cause.contains(client::SILENT);
    match probe(at) {
        Some(Speaks::Tls) => {
            let host = at.strip_prefix("http://").unwrap_or(at);
            anyhow!("TLS is spoken at {at}: connect to https://{host}")
        }
        Some(Speaks::Http) => anyhow!("{}", no_grpc(at, "speaks HTTP/1, but no gRPC")),
        Some(Speaks::Nothing) if silent => {
            anyhow!("what took the connection at {at} does not answer: it is no rmdd, or a daemon that hangs")
        }
        // As a daemon does that is killed while it is asked.
        Some(Speaks::Nothing)
            if at.starts_with("unix:") && ["broken pipe", "reset"].iter().any(|sign| cause.contains(sign)) =>
        {
            anyhow!("the daemon at {at} went away before it answered: {cause}")
        }
        Some(Speaks::Nothing) => {
            anyhow!("what took the connection at {at} does not speak gRPC: is it another program's? ({cause})")
        }
        None if silent => anyhow!("the daemon at {at} does not answer any more: see its log"),
        None if cause.is_empty() => anyhow!("the daemon at {at} went away before it answered"),
        None => anyhow!("the daemon at {at} went away before it answered: {cause}"),
    }
}

/// Connects to the daemon at an address.
///
/// # Errors
///
/// If it is no address, or none answers there; says what to do.
pub async fn connect(url: &str, global: &Global) -> anyhow::Result<Target> {
    let bearer = global.bearer()?;
    let names_host = url.parse::<Uri>().is_ok_and(|uri| uri.host().is_some_and(|host| !host.is_empty()));
    let channel = if let Some(path) = url.strip_prefix("unix:") {
        let path = socket_path(path)?;
        client::connect_unix(path).await.map_err(client::ConnectError::from)
    } else if names_host && url.starts_with("http://") {
        client::connect_tcp(url).await.map_err(client::ConnectError::from)
    } else if names_host && url.starts_with("https://") {
        client::connect_tls(url, &global.tls_files()?).await
    } else {
        bail!("{url:?} is no daemon's address: give https://HOST:PORT, http://HOST:PORT or unix:PATH");
    };
    let channel = channel.map_err(|error| match error {
        client::ConnectError::Transport(_) => anyhow!("no daemon answers at {url}: {error}{}", advice(url, &error)),
        error => anyhow!("{url} cannot be connected to: {error}"),
    })?;
    let at = url.strip_prefix("unix://").map_or_else(|| url.to_owned(), |path| format!("unix:{path}"));
    Ok(Target::Daemon { channel: Link::new(channel, AsCommand(bearer)), at })
}

/// The path of a socket that may be one.
fn socket_path(path: &str) -> anyhow::Result<&Path> {
    use std::os::unix::fs::FileTypeExt;

    // unix:///run/rmdd/rmdd.sock is how gRPC's own clients have it.
    let path = Path::new(path.strip_prefix("//").unwrap_or(path));
    if path.as_os_str().is_empty() {
        bail!("\"unix:\" names no socket: write unix:{SYSTEM_SOCKET}");
    }
    match std::fs::metadata(path) {
        Ok(there) if !there.file_type().is_socket() => {
            let what = if there.is_dir() { "a directory" } else { "no socket" };
            bail!("no daemon answers at unix:{0}: {0} is {what}; the daemon prints where its socket is", path.display())
        }
        _ => Ok(path),
    }
}

/// What to do about a connection that was not made.
fn advice(url: &str, error: &client::ConnectError) -> &'static str {
    let unix = url.starts_with("unix:");
    match client::io_kind(error) {
        Some(ErrorKind::ConnectionRefused) if unix => ". The daemon that made this socket has stopped: start it",
        Some(ErrorKind::NotFound) if unix => ". Is the daemon running? It prints where its socket is",
        Some(ErrorKind::PermissionDenied) if unix => ". Only the socket's owner, its group and root may use it",
        Some(ErrorKind::ConnectionRefused) => {
            ". Nothing listens there: is the daemon running, and is this its gRPC address (grpc.listen)?"
        }
        Some(ErrorKind::TimedOut) => ". Is the address right, and does a firewall let it through?",
        _ => "",
    }
}
