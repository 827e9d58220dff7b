//! What to beat: tonic's default server with an empty handler, in a process of its own.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rmdd::api::grpc::v1::acceptance_service_server::{AcceptanceService, AcceptanceServiceServer};
use rmdd::api::grpc::v1::{
    CheckProviderRequest, CheckProviderResponse, CheckProvidersRequest, CheckProvidersResponse, CheckStreamRequest,
    CheckStreamResponse,
};
use tonic::{Request, Response, Status, Streaming};

/// Makes this program that server.
pub const FLAG: &str = "--serve-plain";

struct Canned(CheckProviderResponse);

#[tonic::async_trait]
impl AcceptanceService for Canned {
    async fn check_provider(
        &self,
        _: Request<CheckProviderRequest>,
    ) -> Result<Response<CheckProviderResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }

    async fn check_providers(
        &self,
        _: Request<CheckProvidersRequest>,
    ) -> Result<Response<CheckProvidersResponse>, Status> {
        Err(Status::unimplemented("only CheckProvider is measured against this server"))
    }

    type CheckStreamStream = tokio_stream::Empty<Result<CheckStreamResponse, Status>>;

    async fn check_stream(
        &self,
        _: Request<Streaming<CheckStreamRequest>>,
    ) -> Result<Response<Self::CheckStreamStream>, Status> {
        Err(Status::unimplemented("only CheckProvider is measured against this server"))
    }
}

pub fn serve(address: &str, bytes: &str) {
    let bytes: usize = bytes.parse().expect("a number");
    // A field's tag and length take two bytes.
    let answer = CheckProviderResponse { message: "x".repeat(bytes - 2), ..CheckProviderResponse::default() };
    let address = address.parse().expect("an address");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let service = AcceptanceServiceServer::new(Canned(answer));
    runtime.block_on(tonic::transport::Server::builder().add_service(service).serve(address)).expect("it serves");
}

pub struct Plain {
    child: Child,
    pub port: u16,
}

impl Plain {
    pub fn start(bytes: usize) -> Self {
        let port = free_port();
        let program = std::env::current_exe().expect("this program");
        let child = Command::new(program)
            .args([FLAG, &format!("127.0.0.1:{port}"), &bytes.to_string()])
            .spawn()
            .expect("it starts");
        let deadline = Instant::now() + Duration::from_secs(30);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "the plain server does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { child, port }
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}
