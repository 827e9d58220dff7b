//! A real HTTP server that answers as it is told, well or badly, with or without TLS.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// How the server answers.
#[derive(Clone)]
pub enum Answer {
    /// These bytes, then the connection is closed.
    Bytes(Vec<u8>),
    /// These bytes, then nothing more, and the connection stays open.
    Stall(Vec<u8>),
    /// These bytes, then the connection is reset.
    Reset(Vec<u8>),
    /// The first bytes at once, the others one by one, with this pause before each.
    Drip(Vec<u8>, Vec<u8>, Duration),
    /// These bytes, then so many zeros.
    Zeros(Vec<u8>, u64),
    /// What this makes of the request.
    By(Arc<dyn Fn(&Request) -> Answer + Send + Sync>),
}

impl Answer {
    /// 200 with a body.
    pub fn ok(content_type: &str, body: &[u8]) -> Self {
        Self::response("200 OK", &format!("Content-Type: {content_type}\r\nContent-Length: {}\r\n", body.len()), body)
    }

    /// 200 with a listing.
    pub fn csv(body: &[u8]) -> Self {
        Self::ok("text/csv", body)
    }

    /// 200 with a packed listing.
    pub fn packed(coding: &str, body: &[u8]) -> Self {
        let headers =
            format!("Content-Type: text/csv\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n", body.len());
        Self::response("200 OK", &headers, body)
    }

    /// A status line, headers (each with its line end) and a body.
    pub fn response(status: &str, headers: &str, body: &[u8]) -> Self {
        let mut bytes = head(status, headers);
        bytes.extend_from_slice(body);
        Self::Bytes(bytes)
    }

    /// What this makes of each request.
    pub fn by(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::By(Arc::new(answer))
    }

    /// A listing under an `ETag`, and 304 for those who have it.
    pub fn tagged(etag: &str, body: &[u8]) -> Self {
        let (etag, body) = (etag.to_owned(), body.to_vec());
        Self::by(move |request| {
            let tag = format!("ETag: {etag}\r\n");
            if request.header("if-none-match") == Some(&etag) {
                return Self::response("304 Not Modified", &tag, b"");
            }
            Self::response(
                "200 OK",
                &format!("{tag}Content-Type: text/csv\r\nContent-Length: {}\r\n", body.len()),
                &body,
            )
        })
    }
}

/// A status line and headers (each with its line end).
pub fn head(status: &str, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n").into_bytes()
}

/// What came.
#[derive(Debug, Clone)]
pub struct Request {
    /// The path, or for a proxy the whole address.
    pub target: String,
    /// What stood behind the headers.
    pub body: Vec<u8>,
    /// From where it came.
    pub peer: Option<IpAddr>,
    headers: Vec<(String, String)>,
}

impl Request {
    fn read(head: &str) -> Self {
        let mut lines = head.split("\r\n");
        let target = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Self { target, body: Vec::new(), peer: None, headers }
    }

    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

/// The server. It stops when dropped.
pub struct Server {
    pub url: String,
    /// For a server with TLS, the authority that certified it, in PEM.
    pub ca: Option<String>,
    answer: Arc<ArcSwap<Answer>>,
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Server {
    pub async fn start(answer: Answer) -> Self {
        Self::listen("127.0.0.1:0", answer, None).await
    }

    /// Goes away, so that nobody listens; returns where that was.
    pub async fn stop(self) -> String {
        let address = self.address();
        drop(self);
        while TcpStream::connect(&address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        address
    }

    /// Listens where another has stopped.
    pub async fn start_again(address: &str, answer: Answer) -> Self {
        Self::listen(address, answer, None).await
    }

    /// Its address and port.
    pub fn address(&self) -> String {
        self.url.split('/').nth(2).expect("an address").to_owned()
    }

    /// With TLS, under a certificate of an authority of its own.
    pub async fn start_tls(answer: Answer) -> Self {
        let names = vec!["127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let certificate: CertificateDer<'static> = made.cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a certificate and its key");
        Self::listen("127.0.0.1:0", answer, Some((TlsAcceptor::from(Arc::new(config)), made.cert.pem()))).await
    }

    async fn listen(at: &str, answer: Answer, tls: Option<(TlsAcceptor, String)>) -> Self {
        let listener = TcpListener::bind(at).await.expect("a port");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}/listing.csv", listener.local_addr().expect("an address"));
        let answer = Arc::new(ArcSwap::from_pointee(answer));
        let connections = Arc::new(AtomicUsize::new(0));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (acceptor, ca) = tls.unzip();
        let task = {
            let (answer, connections, seen) = (Arc::clone(&answer), Arc::clone(&connections), Arc::clone(&seen));
            tokio::spawn(async move {
                while let Ok((mut stream, peer)) = listener.accept().await {
                    let peer = Some(peer.ip());
                    connections.fetch_add(1, Ordering::SeqCst);
                    let (answer, seen, acceptor) = (answer.load_full(), Arc::clone(&seen), acceptor.clone());
                    tokio::spawn(async move {
                        let Some(acceptor) = acceptor else {
                            if serve(&mut stream, peer, (*answer).clone(), &seen).await == End::Reset {
                                let _ = stream.set_zero_linger();
                            }
                            return;
                        };
                        let Ok(mut stream) = acceptor.accept(stream).await else { return };
                        if serve(&mut stream, peer, (*answer).clone(), &seen).await == End::Reset {
                            let _ = stream.get_ref().0.set_zero_linger();
                        }
                    });
                }
            })
        };
        Self { url, ca, answer, connections, seen, task }
    }

    /// Answers like this from now on.
    pub fn answer(&self, answer: Answer) {
        self.answer.store(Arc::new(answer));
    }

    /// How many connections have come.
    pub fn requests(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The requests that have come, oldest first.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().expect("not poisoned").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(PartialEq, Eq)]
enum End {
    Close,
    Reset,
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    peer: Option<IpAddr>,
    mut answer: Answer,
    seen: &Mutex<Vec<Request>>,
) -> End {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return End::Close,
            Ok(count) => request.extend_from_slice(&buffer[..count]),
        }
    }
    let begin = request.windows(4).position(|window| window == b"\r\n\r\n").map_or(request.len(), |at| at + 4);
    let mut body = request.split_off(begin);
    let mut request = Request::read(&String::from_utf8_lossy(&request));
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while body.len() < length {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return End::Close,
            Ok(count) => body.extend_from_slice(&buffer[..count]),
        }
    }
    (request.body, request.peer) = (body, peer);
    seen.lock().expect("not poisoned").push(request.clone());
    while let Answer::By(by) = &answer {
        answer = by(&request);
    }
    // A client that has had enough goes away; that is no fault of the server.
    let _ = send(stream, &answer).await;
    let _ = stream.flush().await;
    match answer {
        // Until the other side gives up.
        Answer::Stall(_) => while !matches!(stream.read(&mut buffer).await, Ok(0) | Err(_)) {},
        Answer::Reset(_) => return End::Reset,
        _ => {
            let _ = stream.shutdown().await;
        }
    }
    End::Close
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, answer: &Answer) -> std::io::Result<()> {
    match answer {
        Answer::Bytes(bytes) | Answer::Stall(bytes) | Answer::Reset(bytes) => stream.write_all(bytes).await,
        Answer::Drip(first, others, pause) => {
            stream.write_all(first).await?;
            for byte in others {
                stream.flush().await?;
                tokio::time::sleep(*pause).await;
                stream.write_all(&[*byte]).await?;
            }
            Ok(())
        }
        Answer::Zeros(first, count) => {
            stream.write_all(first).await?;
            let zeros = vec![0; 1 << 20];
            let mut left = *count;
            while left > 0 {
                let now = usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len());
                stream.write_all(&zeros[..now]).await?;
                left -= now as u64;
            }
            Ok(())
        }
        Answer::By(_) => Ok(()),
    }
}
