//! The folders of `src/` are the architecture: each imports only what stands above it, one folder owns each outside crate,
//! and the messages of the protocol are named at the edge alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The folders, from the ground up. Each may import those before it and itself.
const LAYERS: [&str; 14] = [
    "domain",
    "listing",
    "records",
    "decide",
    "store",
    "transport",
    "observe",
    "sync",
    "service",
    "alerts",
    "fleet",
    "api",
    "daemon",
    "cli",
];

/// The folders that own an outside crate. What is not named here is anybody's.
const OWNED: &[(&str, &[&str])] = &[
    ("reqwest", &["sync/fetch", "alerts"]),
    ("lettre", &["alerts"]),
    ("hmac", &["alerts/channels"]),
    ("csv", &["listing/parse", "listing/canonical", "records/lists", "api/page"]),
    ("calamine", &["records/lists"]),
    ("zip", &["records/lists"]),
    ("quick_xml", &["records/lists"]),
    ("encoding_rs", &["records/lists"]),
    ("redb", &["store"]),
    ("postcard", &["store"]),
    ("zstd", &["store/archive", "store", "fleet"]),
    ("phonenumber", &["decide/caller_id"]),
    ("rapidfuzz", &["listing/search", "cli/near", "alerts/config"]),
    ("deunicode", &["listing/search"]),
    // The commands are a client, and ask the same services where no daemon runs.
    ("tonic", &["api/grpc", "api/client", "cli", "fleet/engine"]),
    ("tonic_types", &["api/grpc", "cli"]),
    ("tonic_health", &["api/grpc", "api/client", "cli"]),
    ("tonic_reflection", &["api/grpc"]),
    ("prost", &["api/grpc", "fleet"]),
    ("prost_types", &["api/grpc", "cli"]),
    ("axum", &["api/http"]),
    ("askama", &["api/page"]),
    ("tower_http", &["api/http"]),
    ("prometheus_client", &["api/http/metrics"]),
    ("hyper", &["transport"]),
    ("httparse", &["transport"]),
    ("hyper_util", &["transport", "api/client", "fleet/engine"]),
    ("rustls", &["transport", "api/client", "sync/fetch", "alerts", "fleet/engine", "fleet/tls"]),
    ("tokio_rustls", &["transport", "api/client", "fleet/engine"]),
    ("rustix", &["transport"]),
    ("x509_parser", &["transport"]),
    ("governor", &["transport"]),
    ("tokio_cron_scheduler", &["sync/schedule"]),
    ("croner", &["sync/schedule"]),
    ("chrono", &["sync/schedule"]),
    ("listenfd", &["daemon"]),
    ("sd_notify", &["daemon"]),
    ("tracing_subscriber", &["observe/logging"]),
    ("tracing_journald", &["observe/logging"]),
    ("clap", &["cli", "main"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("indicatif", &["cli/screen", "cli/text"]),
    ("comfy_table", &["cli/screen"]),
    ("ratatui", &["cli/top"]),
    ("textwrap", &["cli", "records/summary"]),
    ("terminal_size", &["cli"]),
    ("anstream", &["cli"]),
    ("anyhow", &["cli", "main"]),
    ("tikv_jemallocator", &["main"]),
];

/// Folders that do no I/O and know no runtime.
const PURE: [&str; 4] = ["domain", "listing", "records", "decide"];

/// Who may take a thread of the reserve, which clients for queries must not reach: what they ask for is done by
/// `transport::budget::Work`, which has that of a command beside it.
const ON_RESERVED_THREADS: [&str; 13] = [
    "sync",
    "store",
    "daemon",
    "cli",
    "service/maintenance",
    "service/records",
    "service/impact",
    "service/standing",
    "service/status",
    "alerts",
    "fleet",
    "transport/budget/work",
    // Of the Unix socket of the administration alone.
    "transport/connection",
];

/// A use of something: where, and what.
#[derive(Debug)]
struct Use {
    file: String,
    line: usize,
    path: String,
}

/// The code of a file without its tests, comments and texts, line by line.
fn code(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            break;
        }
        let line = line.split("//").next().unwrap_or_default();
        // Texts name no modules.
        lines.push(line.split('"').step_by(2).collect::<Vec<_>>().join("\"\""));
    }
    lines
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The paths that begin with this word and `::` in a line, each to its end.
fn paths<'a>(line: &'a str, root: &str) -> Vec<&'a str> {
    let begin = format!("{root}::");
    let mut found = Vec::new();
    for (at, _) in line.match_indices(&begin) {
        let before = line[..at].chars().next_back();
        if before.is_some_and(|c| is_word(c) || c == ':') {
            continue;
        }
        let rest = &line[at..];
        found.push(&rest[..rest.find(|c| !is_word(c) && c != ':').unwrap_or(rest.len())]);
    }
    found
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a folder") {
        let entry = entry.expect("an entry");
        let path = entry.path();
        if entry.file_type().expect("its kind").is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn is_test(file: &str) -> bool {
    file.split('/').any(|part| part == "tests" || part.ends_with("tests.rs") || part.ends_with("_test.rs"))
}

/// The source files by their place below `src`, without those of tests.
fn files() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    let named = found.into_iter().map(|path| {
        let place = path.strip_prefix(&root).expect("below").to_str().expect("text").to_owned();
        (place, fs::read_to_string(&path).expect("read"))
    });
    named.filter(|(place, _)| !is_test(place)).collect()
}

fn layer(word: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| *layer == word)
}

fn below(file: &str, folder: &str) -> bool {
    file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/') || rest.starts_with(".rs"))
}

/// What runs against the order.
fn against_the_order(files: &BTreeMap<String, String>) -> Vec<Use> {
    let mut found = Vec::new();
    for (file, text) in files {
        let own = layer(file.split('/').next().unwrap_or_default());
        for (number, line) in code(text).iter().enumerate() {
            for path in paths(line, "crate") {
                let named = path.split("::").nth(1).unwrap_or_default();
                if let (Some(own), Some(named)) = (own, layer(named))
                    && named > own
                {
                    found.push(Use { file: file.clone(), line: number + 1, path: path.to_owned() });
                }
            }
        }
    }
    found
}

/// What uses a crate that another folder owns.
fn of_other_owners(files: &BTreeMap<String, String>) -> Vec<Use> {
    let mut found = Vec::new();
    for (file, text) in files {
        for (number, line) in code(text).iter().enumerate() {
            for (owned, owners) in OWNED {
                if owners.iter().any(|owner| below(file, owner)) {
                    continue;
                }
                let uses = paths(line, owned).into_iter().map(|path| Use {
                    file: file.clone(),
                    line: number + 1,
                    path: path.to_owned(),
                });
                found.extend(uses);
            }
        }
    }
    found
}

/// Where a message of the protocol is named that is neither at the edge nor a command's.
fn messages_inside(files: &BTreeMap<String, String>) -> Vec<Use> {
    let mut found = Vec::new();
    for (file, text) in files {
        // What sites of a fleet say to one another stands apart, and is theirs alone.
        if ["api/grpc", "api/client", "cli", "fleet"].iter().any(|edge| below(file, edge)) {
            continue;
        }
        for (number, line) in code(text).iter().enumerate() {
            // The services' names and the descriptors are no messages.
            let named = paths(line, "crate").into_iter().chain(paths(line, "v1"));
            let named = named.filter(|path| path.split("::").any(|part| part == "v1"));
            found.extend(
                named.filter(|path| !path.contains("_server::") && !path.ends_with("DESCRIPTORS")).map(|path| Use {
                    file: file.clone(),
                    line: number + 1,
                    path: path.to_owned(),
                }),
            );
        }
    }
    found
}

fn report(found: &[Use]) -> String {
    found.iter().map(|found| format!("src/{}:{}: {}\n", found.file, found.line, found.path)).collect()
}

#[test]
fn every_folder_imports_only_what_stands_above_it() {
    let found = against_the_order(&files());
    assert!(found.is_empty(), "against the order {}:\n{}", LAYERS.join(", "), report(&found));
}

#[test]
fn every_folder_of_src_is_a_layer_and_lib_rs_has_them_in_their_order() {
    let folders: Vec<String> =
        files().into_keys().filter_map(|file| Some(file.split_once('/')?.0.to_owned())).collect();
    for folder in folders {
        assert!(layer(&folder).is_some(), "src/{folder} is no layer: put it among LAYERS, or into one of them");
    }
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).expect("read");
    let declared: Vec<&str> = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(declared, LAYERS);
}

#[test]
fn every_outside_crate_has_its_owners() {
    let found = of_other_owners(&files());
    assert!(found.is_empty(), "crates outside of the folders that own them:\n{}", report(&found));
}

#[test]
fn messages_of_the_protocol_are_named_at_the_edge_alone() {
    let found = messages_inside(&files());
    assert!(found.is_empty(), "messages of the protocol inside:\n{}", report(&found));
}

#[test]
fn pure_folders_do_no_input_or_output_know_no_runtime_and_read_no_clock() {
    let mut found = Vec::new();
    for (file, text) in files().into_iter().filter(|(file, _)| PURE.iter().any(|pure| below(file, pure))) {
        for (number, line) in code(&text).iter().enumerate() {
            for root in ["tokio", "std::fs", "std::thread", "std::env"] {
                let uses = paths(line, root).into_iter().map(str::to_owned);
                found.extend(uses.map(|path| Use { file: file.clone(), line: number + 1, path }));
            }
            if ["TcpStream::", "UdpSocket::", "Timestamp::now()", "Zoned::now()", "SystemTime::now()", "Instant::now()"]
                .iter()
                .any(|clock| line.contains(clock))
            {
                found.push(Use { file: file.clone(), line: number + 1, path: line.trim().to_owned() });
            }
        }
    }
    assert!(found.is_empty(), "not pure:\n{}", report(&found));
}

#[test]
fn no_client_for_queries_reaches_the_threads_that_syncs_and_administration_have_and_none_is_made_elsewhere() {
    let mut found = Vec::new();
    for (file, text) in files().into_iter().filter(|(file, _)| !ON_RESERVED_THREADS.iter().any(|of| below(file, of))) {
        for (number, line) in code(&text).iter().enumerate() {
            if line.contains("spawn_blocking") || line.contains("block_in_place") || line.contains("thread::spawn") {
                found.push(Use { file: file.clone(), line: number + 1, path: line.trim().to_owned() });
            }
        }
    }
    assert!(found.is_empty(), "take a place by Services::budget.work instead:\n{}", report(&found));
}

#[test]
fn a_planted_import_is_found_with_its_file_and_line() {
    let plant = |file: &str, text: &str| BTreeMap::from([(file.to_owned(), text.to_owned())]);
    let upward = plant("decide/mod.rs", "//! Docs.\n\nuse crate::store::Store;\nuse crate::domain::Frn;\n");
    assert_eq!(report(&against_the_order(&upward)), "src/decide/mod.rs:3: crate::store::Store\n");
    let inline = plant("domain/frn.rs", "fn f() {\n    crate::cli::run()\n}\n");
    assert_eq!(report(&against_the_order(&inline)), "src/domain/frn.rs:2: crate::cli::run\n");
    let owned = plant("service/check.rs", "use redb::Database;\n");
    assert_eq!(report(&of_other_owners(&owned)), "src/service/check.rs:1: redb::Database\n");
    let message = plant("api/http/check.rs", "use crate::api::grpc::v1::CheckProviderRequest;\n");
    assert_eq!(
        report(&messages_inside(&message)),
        "src/api/http/check.rs:1: crate::api::grpc::v1::CheckProviderRequest\n"
    );
    let tested = plant("domain/frn.rs", "fn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::cli::run;\n}\n");
    assert!(against_the_order(&tested).is_empty());
}
