//! Over HTTP/1.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Attack, Done, Hostile, Socket};

/// The pause behind each byte of one that crawls.
const STEP: Duration = Duration::from_millis(5);

pub(super) async fn attack(
    hostile: &Hostile,
    attack: Attack,
    mut socket: Box<dyn Socket>,
    done: &mut Done,
) -> io::Result<()> {
    let paths = hostile.paths.iter().cycle();
    let requests = paths.map(|path| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes());
    match attack {
        Attack::UnreadHttp1 => {
            for request in requests {
                socket.write_all(&request).await?;
                done.requests += 1;
            }
        }
        Attack::CrawlHttp1 => {
            for request in requests {
                done.requests += 1;
                for byte in request {
                    socket.write_all(&[byte]).await?;
                    tokio::time::sleep(STEP).await;
                }
            }
        }
        Attack::ResetHttp1 => {
            for request in requests.take(1) {
                socket.write_all(&request).await?;
                done.requests += 1;
            }
        }
        _ => {
            let (mut reading, mut writing) = tokio::io::split(socket);
            let read = async {
                let mut piece = vec![0; 64 << 10];
                while reading.read(&mut piece).await? > 0 {}
                Ok(())
            };
            let write = async {
                for request in requests {
                    writing.write_all(&request).await?;
                    done.requests += 1;
                }
                Ok(())
            };
            return tokio::select! { ended = read => ended, ended = write => ended };
        }
    }
    Ok(())
}
