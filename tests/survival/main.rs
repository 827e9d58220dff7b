//! What operators put on record survives the disk and the kill: store, journal and archive are damaged anywhere, daemons
//! are killed at any point of a change.

#[path = "../common/mod.rs"]
mod common;

mod archive;
mod damaged;
mod killed;
mod lost;
mod rebuilt;
mod removals;

use std::path::Path;

use common::{Daemon, Site, ask, status_of, stderr};
use rmdd::api::grpc::v1::CheckProviderRequest;
use serde_json::Value;

/// How often something is tried: a number in this variable of the environment, or else so often.
fn times(variable: &str, otherwise: usize) -> usize {
    let given = std::env::var(variable).ok();
    given.map_or(otherwise, |given| given.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

/// Numbers that look drawn and are the same in every run (SplitMix64).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

fn ok(site: &Site, arguments: &[&str]) {
    let output = site.run(arguments);
    assert_eq!(status_of(&output), 0, "{arguments:?}: {}", stderr(&output));
}

/// The verdict and the reason of each answer.
async fn answers(daemon: &Daemon, questions: &[CheckProviderRequest]) -> Vec<(i32, i32)> {
    let mut client = daemon.acceptance().await;
    let mut answers = Vec::new();
    for question in questions {
        let answer = ask(&mut client, question.clone()).await;
        answers.push((answer.verdict, answer.reason));
    }
    answers
}

/// All records and events of all kinds, as the commands tell them.
fn records(site: &Site) -> Vec<Value> {
    let mut told = Vec::new();
    for kind in ["peers", "overrides", "orders", "notices"] {
        for what in ["list", "history"] {
            let output = site.run(&[kind, what, "--json"]);
            assert_eq!(status_of(&output), 0, "{kind} {what}: {}", stderr(&output));
            let text = common::stdout(&output);
            told.extend(text.lines().map(|line| {
                let mut object: Value = serde_json::from_str(line).expect("an object");
                // How a peer stands is nothing that is on record.
                object.as_object_mut().expect("an object").remove("now");
                object
            }));
        }
    }
    told
}

fn codes(status: &rmdd::api::grpc::v1::GetStatusResponse) -> Vec<&str> {
    status.alarms.iter().map(|alarm| alarm.code.as_str()).collect()
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("read") {
        let entry = entry.expect("an entry");
        let (kind, place) = (entry.file_type().expect("a kind"), to.join(entry.file_name()));
        if kind.is_dir() {
            copy_all(&entry.path(), &place);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), &place).expect("copied");
            let written = entry.metadata().and_then(|file| file.modified()).expect("a time");
            let copy = std::fs::File::options().write(true).open(place).expect("opened");
            copy.set_modified(written).expect("set");
        }
    }
}
