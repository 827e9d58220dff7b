//! What a client may not do to a daemon: crowd it, stall it, swamp it, talk rubbish to it. Others are answered meanwhile.
//!
//! A binary of its own: it raises its process's limit of open files, and asserts that others are answered while both
//! processors are kept busy, which other tests beside it would disturb and be disturbed by.

#[path = "../common/mod.rs"]
mod common;

mod beside;
mod cgroup;
mod descriptors;
mod full;
mod hostile;
mod limits;
mod stop;
mod unread;

use std::net::SocketAddr;

use bytes::Bytes;
use common::{Daemon, Site, ask, by_frn};
use http::{HeaderMap, Request};
use prost::Message;
use rmdd::api::grpc::v1::Verdict;
use rmdd_testkit::World;
use tokio::net::TcpStream;
use tonic::Code;

const CHECK_PROVIDER: &str = "/rmdd.v1.AcceptanceService/CheckProvider";
const GET_PROVIDER: &str = "/rmdd.v1.ListingService/GetProvider";

struct Scene {
    site: Site,
    daemon: Daemon,
    frn: String,
}

/// A daemon with these limits, that has a listing.
async fn scene(limits: &str) -> Scene {
    scene_of(100, limits).await
}

/// The same with a listing of so many filings.
async fn scene_of(filings: usize, limits: &str) -> Scene {
    // Fails where another test was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let world = World::new(11, filings);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start_configured(&format!("[limits]\n{limits}\n"));
    daemon.first_sync().await;
    let frn = world.rows().map(|row| row.get("frn")).find(|frn| !frn.is_empty()).expect("an FRN").to_owned();
    Scene { site, daemon, frn }
}

impl Scene {
    fn grpc(&self) -> SocketAddr {
        let url = self.daemon.tcp.as_deref().expect("a listener");
        url.strip_prefix("http://").expect("an address").parse().expect("an address")
    }

    fn http(&self) -> SocketAddr {
        let url = self.daemon.http.as_deref().expect("a listener");
        url.strip_prefix("http://").expect("an address").parse().expect("an address")
    }

    async fn is_answered(&self) {
        let mut client = self.daemon.acceptance().await;
        assert_eq!(ask(&mut client, by_frn(&self.frn)).await.verdict(), Verdict::Accept);
    }

    async fn metric(&self, line: &str) -> f64 {
        let url = format!("{}/metrics", self.daemon.http.as_deref().expect("an HTTP listener"));
        let page = reqwest::get(url).await.expect("metrics").text().await.expect("text");
        let value = page.lines().find_map(|reported| reported.strip_prefix(line));
        value.unwrap_or_else(|| panic!("no {line} in:\n{page}")).trim().parse().expect("a number")
    }

    fn peak_memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.daemon.pid())).expect("its status");
        let peak =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak.expect("a peak")
    }
}

/// An HTTP/2 connection that can do what no gRPC client would.
async fn raw(address: SocketAddr) -> h2::client::SendRequest<Bytes> {
    let socket = TcpStream::connect(address).await.expect("connected");
    let (sender, connection) = h2::client::handshake(socket).await.expect("a handshake");
    tokio::spawn(connection);
    sender.ready().await.expect("ready")
}

fn call(path: &str) -> Request<()> {
    Request::post(format!("http://localhost{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .expect("a request")
}

fn framed(message: &impl Message) -> Vec<u8> {
    framed_bytes(&message.encode_to_vec())
}

fn framed_bytes(bytes: &[u8]) -> Vec<u8> {
    let mut framed = vec![0];
    framed.extend((bytes.len() as u32).to_be_bytes());
    framed.extend(bytes);
    framed
}

/// Code and message that ended a call, wherever they stand.
async fn outcome(response: h2::client::ResponseFuture) -> (Code, String) {
    let response = response.await.expect("a response");
    let said = |headers: &HeaderMap| {
        let code = headers.get("grpc-status")?.to_str().ok()?.parse::<i32>().ok()?;
        let message = headers.get("grpc-message").and_then(|message| message.to_str().ok()).unwrap_or_default();
        Some((Code::from(code), message.to_owned()))
    };
    if let Some(said) = said(response.headers()) {
        return said;
    }
    let mut body = response.into_body();
    while let Some(data) = body.data().await {
        let _ = body.flow_control().release_capacity(data.expect("data").len());
    }
    said(&body.trailers().await.expect("trailers").expect("some")).expect("a status")
}
