//! A real HTTP server that answers as it is told, well or badly.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How the server answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// These bytes, then the connection is closed.
    Bytes(Vec<u8>),
    /// These bytes, then nothing more, and the connection stays open.
    Stall(Vec<u8>),
    /// These bytes, then the connection is reset.
    Reset(Vec<u8>),
}

impl Answer {
    /// 200 with a body.
    pub fn ok(content_type: &str, body: &[u8]) -> Self {
        Self::response("200 OK", &format!("Content-Type: {content_type}\r\nContent-Length: {}\r\n", body.len()), body)
    }

    /// A status line, headers (each with its line end) and a body.
    pub fn response(status: &str, headers: &str, body: &[u8]) -> Self {
        let mut bytes = format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n").into_bytes();
        bytes.extend_from_slice(body);
        Self::Bytes(bytes)
    }
}

/// The server. It stops when dropped.
pub struct Server {
    pub url: String,
    answer: Arc<ArcSwap<Answer>>,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    pub async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/listing.csv", listener.local_addr().expect("an address"));
        let answer = Arc::new(ArcSwap::from_pointee(answer));
        let requests = Arc::new(AtomicUsize::new(0));
        let task = {
            let (answer, requests) = (Arc::clone(&answer), Arc::clone(&requests));
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    requests.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(serve(stream, answer.load_full()));
                }
            })
        };
        Self { url, answer, requests, task }
    }

    /// Answers like this from now on.
    pub fn answer(&self, answer: Answer) {
        self.answer.store(Arc::new(answer));
    }

    /// How many connections have come.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, answer: Arc<Answer>) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&buffer[..count]),
        }
    }
    let (Answer::Bytes(bytes) | Answer::Stall(bytes) | Answer::Reset(bytes)) = &*answer;
    if stream.write_all(bytes).await.is_err() {
        return;
    }
    match &*answer {
        Answer::Bytes(_) => {
            let _ = stream.shutdown().await;
        }
        // Until the other side gives up.
        Answer::Stall(_) => while !matches!(stream.read(&mut buffer).await, Ok(0) | Err(_)) {},
        Answer::Reset(_) => {
            let _ = stream.set_zero_linger();
        }
    }
}
