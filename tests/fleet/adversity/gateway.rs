//! Asking etcd what rmdd does not: what stood at a key at an earlier revision, how often a key was written, who leads. By its
//! JSON, at an address that only the harness uses, so that no fault of the network is in between.

use std::io;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
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

/// What stood at a key: from a revision on, this or nothing.
#[derive(Debug, Clone)]
pub struct Stood {
    pub revision: i64,
    pub value: Option<Vec<u8>>,
}

/// What stands at a key.
#[derive(Debug, Clone)]
pub struct Stands {
    /// The revision of this look.
    pub revision: i64,
    pub found: Option<Stored>,
}

/// So long etcd is given to tell what came after what: it tells all that there is at once.
const TELLING: Duration = Duration::from_millis(500);

fn number(value: &Value) -> i64 {
    value.as_str().and_then(|text| text.parse().ok()).or_else(|| value.as_i64()).unwrap_or_default()
}

fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default()
}

fn stored(kv: &Value) -> Stored {
    Stored {
        key: String::from_utf8_lossy(&bytes(&kv["key"])).into_owned(),
        value: bytes(&kv["value"]),
        created: number(&kv["create_revision"]),
        writes: u64::try_from(number(&kv["version"])).unwrap_or_default(),
    }
}

async fn sent(member: &str, path: &str, body: &Value) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(member).await?;
    let body = body.to_string();
    let head = format!("POST {path} HTTP/1.0\r\nHost: {member}\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).await?;
    Ok(stream)
}

/// What one member tells of a key's history. A member that has not come so far yet is asked in vain.
async fn history(member: &str, key: &str, from: i64, up_to: i64) -> io::Result<Vec<Stood>> {
    // By what this member itself holds.
    let here =
        post(member, "/v3/kv/range", &json!({ "key": STANDARD.encode(key), "serializable": true }), PATIENCE).await?;
    if number(&here["header"]["revision"]) < up_to {
        return Err(io::Error::other("this member has not come so far"));
    }
    let watch = json!({ "create_request": { "key": STANDARD.encode(key), "start_revision": from.to_string() } });
    let mut lines = BufReader::new(sent(member, "/v3/watch", &watch).await?).lines();
    let mut stood = Vec::new();
    // Nothing comes behind what there is, until something changes.
    while let Ok(line) = tokio::time::timeout(TELLING, lines.next_line()).await {
        let Some(line) = line? else { break };
        let Ok(said) = serde_json::from_str::<Value>(&line) else { continue };
        let said = &said["result"];
        if number(&said["compact_revision"]) > 0 {
            return Err(io::Error::other("compacted"));
        }
        for event in said["events"].as_array().unwrap_or(&Vec::new()) {
            let (kv, deleted) = (&event["kv"], event["type"] == "DELETE");
            let value = (!deleted).then(|| bytes(&kv["value"]));
            stood.push(Stood { revision: number(&kv["mod_revision"]), value });
        }
    }
    Ok(stood)
}

/// Asks one member.
pub async fn post(member: &str, path: &str, body: &Value, patience: Duration) -> io::Result<Value> {
    let ask = async {
        let mut stream = sent(member, path, body).await?;
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
        Ok(answer["kvs"].as_array().map(|kvs| kvs.iter().map(stored).collect()).unwrap_or_default())
    }

    /// What stands at one key now.
    pub async fn at(&mut self, key: &str) -> io::Result<Stands> {
        let answer = self.ask("/v3/kv/range", &json!({ "key": STANDARD.encode(key) })).await?;
        let found = answer["kvs"].as_array().and_then(|kvs| kvs.first()).map(stored);
        Ok(Stands { revision: number(&answer["header"]["revision"]), found })
    }

    /// What stood at a key from a revision on, up to that of another look: etcd's own history, which it keeps until it is compacted.
    pub async fn stood(&mut self, key: &str, from: i64, up_to: i64) -> io::Result<Vec<Stood>> {
        let mut said = io::Error::from(io::ErrorKind::NotConnected);
        for _ in 0..self.members.len() {
            match tokio::time::timeout(PATIENCE, history(&self.members[self.first], key, from, up_to)).await {
                Ok(Ok(stood)) => return Ok(stood),
                Ok(Err(error)) => said = error,
                Err(_) => said = io::ErrorKind::TimedOut.into(),
            }
            self.first = (self.first + 1) % self.members.len();
        }
        Err(said)
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

    /// Deletes what fills the database, and says at which revision.
    pub async fn delete_junk(&mut self) -> io::Result<i64> {
        let junk = json!({ "key": STANDARD.encode("/junk/"), "range_end": STANDARD.encode("/junk0") });
        let deleted = self.ask("/v3/kv/deleterange", &junk).await?;
        Ok(number(&deleted["header"]["revision"]))
    }

    /// Makes room again: what an administrator does. What was before a revision is forgotten.
    pub async fn make_room(&mut self, revision: i64) -> io::Result<()> {
        let revision = revision.to_string();
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
