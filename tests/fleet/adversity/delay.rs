//! A proxy that passes everything on, a moment later: what netem does, which not every kernel has.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Passes on what comes to `at`, to `to`, each way so much later. It ends, with all its connections, when the task is aborted.
pub async fn pass_on(at: String, to: String, delay: Duration) {
    let listener = TcpListener::bind(at).await.expect("a port");
    let mut connections = JoinSet::new();
    while let Ok((here, _)) = listener.accept().await {
        let to = to.clone();
        connections.spawn(async move {
            let Ok(there) = TcpStream::connect(to).await else { return };
            let ((from_here, to_here), (from_there, to_there)) = (here.into_split(), there.into_split());
            tokio::join!(later(from_here, to_there, delay), later(from_there, to_here, delay));
        });
    }
}

async fn later(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(256);
    let read = async move {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            if sender.send((Instant::now() + delay, buffer[..count].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let write = async move {
        while let Some((due, bytes)) = receiver.recv().await {
            sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(read, write);
}
