//! Asking etcd what rmdd does not: what stood at a key at an earlier revision, how often a key was written, who leads. By its
//! JSON, at an address that only the harness uses, so that no fault of the network is in between.

use std::io;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// So long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// So long the database is filled.
const FILLING: Duration = Duration::from_secs(20);

/// The members, by their addresses.
#[derive(Debug, Clone)]
pub struct Gateway {
    pub members: Vec<String>,
    /// The one that answered last.
    first: usize,
}

/// A key, as it stands or stood.
#[derive(Debug, Clone)]
pub struct Stored {
    pub key: String,
    pub value: Vec<u8>,
    pub created: i64,
    pub writes: u64,
}

fn number(value: &Value) -> i64 {
    value.as_str().and_then(|text| text.parse().ok()).or_else(|| value.as_i64()).unwrap_or_default()
}

fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default()
}

/// Asks one member.
pub async fn post(member: &str, path: &str, body: &Value, patience: Duration) -> io::Result<Value> {
    let ask = async {
        let mut stream = TcpStream::connect(member).await?;
        let body = body.to_string();
        let head = format!("POST {path} HTTP/1.0\r\nHost: {member}\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        if head.split(' ').nth(1) != Some("200") {
            return Err(io::Error::other(body.to_owned()));
        }
        serde_json::from_str(body).map_err(io::Error::other)
    };
    tokio::time::timeout(patience, ask).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

impl Gateway {
    pub fn new(members: Vec<String>) -> Self {
        Self { members, first: 0 }
    }

    /// Asks one member after the other.
    async fn ask(&mut self, path: &str, body: &Value) -> io::Result<Value> {
        let mut said = io::Error::from(io::ErrorKind::NotConnected);
        for _ in 0..self.members.len() {
            match post(&self.members[self.first], path, body, PATIENCE).await {
                Ok(answer) => return Ok(answer),
                Err(error) => said = error,
            }
            self.first = (self.first + 1) % self.members.len();
        }
        Err(said)
    }

    /// What stands from one key on, below another; at an earlier revision, if one is named.
    pub async fn range(&mut self, from: &str, below: Option<&str>, revision: i64) -> io::Result<Vec<Stored>> {
        let mut body = json!({ "key": STANDARD.encode(from), "revision": revision.to_string(), "limit": "64" });
        if let Some(below) = below {
            body["range_end"] = STANDARD.encode(below).into();
        }
        let answer = self.ask("/v3/kv/range", &body).await?;
        let stored = |kv: &Value| Stored {
            key: String::from_utf8_lossy(&bytes(&kv["key"])).into_owned(),
            value: bytes(&kv["value"]),
            created: number(&kv["create_revision"]),
            writes: u64::try_from(number(&kv["version"])).unwrap_or_default(),
        };
        Ok(answer["kvs"].as_array().map(|kvs| kvs.iter().map(stored).collect()).unwrap_or_default())
    }

    /// The place of the member that leads, if one of them knows of itself that it does.
    pub async fn leader(&self) -> Option<usize> {
        for (place, member) in self.members.iter().enumerate() {
            let Ok(status) = post(member, "/v3/maintenance/status", &json!({}), PATIENCE).await else { continue };
            let (leader, own) = (status["leader"].as_str(), status["header"]["member_id"].as_str());
            if leader == own && leader.is_some_and(|leader| leader != "0") {
                return Some(place);
            }
        }
        None
    }

    /// Fills the database until nothing more goes in, or for twenty seconds.
    pub async fn fill(&mut self) {
        let junk = STANDARD.encode(vec![b'x'; 1 << 20]);
        let begun = Instant::now();
        // Where members are cut off, each attempt may take as long as it may: then it is not filled this time.
        for place in (0..400).take_while(|_| begun.elapsed() < FILLING) {
            let body = json!({ "key": STANDARD.encode(format!("/junk/{place:04}")), "value": junk });
            if let Err(error) = self.ask("/v3/kv/put", &body).await
                && error.to_string().contains("space exceeded")
            {
                return;
            }
        }
    }

    /// Makes room again: what an administrator does. Says whether it came about.
    pub async fn make_room(&mut self) -> io::Result<()> {
        let junk = json!({ "key": STANDARD.encode("/junk/"), "range_end": STANDARD.encode("/junk0") });
        let deleted = self.ask("/v3/kv/deleterange", &junk).await?;
        let revision = &deleted["header"]["revision"];
        let compacted = self.ask("/v3/kv/compaction", &json!({ "revision": revision, "physical": true })).await;
        if let Err(error) = compacted
            && !error.to_string().contains("compacted")
        {
            return Err(error);
        }
        for member in &self.members {
            post(member, "/v3/maintenance/defragment", &json!({}), Duration::from_secs(20)).await?;
        }
        let alarms = self.ask("/v3/maintenance/alarm", &json!({ "action": "GET" })).await?;
        for alarm in alarms["alarms"].as_array().unwrap_or(&Vec::new()) {
            let disarm = json!({ "action": "DEACTIVATE", "memberID": alarm["memberID"], "alarm": alarm["alarm"] });
            self.ask("/v3/maintenance/alarm", &disarm).await?;
        }
        Ok(())
    }
}
