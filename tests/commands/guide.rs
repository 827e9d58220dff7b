//! What README and the guide print behind a `$` is what the commands print, against a daemon with the example.

use std::path::{Path, PathBuf};

use rmdd::domain::AlarmCode;

use crate::common::{Daemon, rmdd};

/// A daemon of the example, with a state directory of its own.
fn example(state_dir: &Path) -> Daemon {
    let mut serve = rmdd();
    serve.args(["serve", "--example", "--grpc-listen", "127.0.0.1:0", "--state-dir"]).arg(state_dir);
    Daemon::spawn(serve)
}

fn text_of(page: &Path) -> String {
    std::fs::read_to_string(page).expect("a page")
}

/// Those with commands that are run.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(root.join("docs")).expect("the guide");
    let mut pages: Vec<PathBuf> = entries.map(|entry| entry.expect("a page").path()).collect();
    pages.push(root.join("README.md"));
    pages.retain(|page| page.extension().is_some_and(|of| of == "md") && text_of(page).contains("```console"));
    pages.sort_unstable();
    pages
}

#[tokio::test]
async fn what_readme_and_the_guide_print_is_what_is_printed() {
    let pages = pages();
    assert!(pages.len() > 8, "{pages:?}");
    // A page that changes records begins with the example as it is; the others ask the same daemon.
    let changes = |page: &PathBuf| text_of(page).contains(" --by ");
    let (changing, asking): (Vec<PathBuf>, Vec<PathBuf>) = pages.into_iter().partition(changes);
    let mut runs: Vec<Vec<PathBuf>> = changing.into_iter().map(|page| vec![page]).collect();
    runs.push(asking);
    for pages in runs {
        let directory = tempfile::tempdir().expect("a directory");
        let state_dir = directory.path().join("state");
        let daemon = example(&state_dir);
        daemon.first_sync().await;
        let cases = trycmd::TestCases::new();
        cases.register_bin("rmdd", Path::new(env!("CARGO_BIN_EXE_rmdd")));
        cases.env("RMDD_STATE_DIR", state_dir.display().to_string()).env("NO_COLOR", "1").env("COLUMNS", "100");
        cases.env("USER", "operator").env("RMDD_CONFIG", "examples/rmdd.toml");
        for page in &pages {
            cases.case(page);
        }
        cases.run();
        daemon.terminate().await;
    }
}

#[test]
fn every_page_stands_in_the_summary_and_every_page_of_the_summary_exists() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let summary = std::fs::read_to_string(docs.join("SUMMARY.md")).expect("the summary");
    for entry in std::fs::read_dir(&docs).expect("the guide") {
        let name = entry.expect("a page").file_name().into_string().expect("a name");
        if name.ends_with(".md") && name != "SUMMARY.md" {
            assert!(summary.contains(&format!("({name})")), "{name} is not in docs/SUMMARY.md");
        }
    }
    let named = summary.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    for name in named {
        assert!(crate::common::exists(&docs.join(name)), "docs/SUMMARY.md names {name}");
    }
}

#[test]
fn every_alarm_stands_in_the_guide_with_its_remedy() {
    let text = include_str!("../../docs/alarms.md");
    for code in <AlarmCode as strum::VariantArray>::VARIANTS {
        let row = text.lines().find_map(|line| line.strip_prefix(&format!("| `{}` | ", code.as_str())));
        let (what, remedy) = row.and_then(|row| row.strip_suffix(" |")?.split_once(" | ")).unwrap_or_default();
        assert!(!what.is_empty(), "docs/alarms.md has a row for {}, with what it is", code.as_str());
        let remedy = remedy.replace("[docs/wave.md](wave.md)", "docs/wave.md");
        let remedy = remedy.replace("[docs/fleet.md](fleet.md)", "docs/fleet.md");
        assert_eq!(remedy, code.remedy(), "docs/alarms.md says of {} what `rmdd status` says", code.as_str());
    }
}

#[test]
fn the_files_that_readme_and_the_guide_link_to_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).expect("the guide").map(|entry| entry.expect("a page").path());
    for page in docs.chain([root.join("README.md")]).filter(|page| page.extension().is_some_and(|of| of == "md")) {
        let text = text_of(&page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains("://") && !file.contains(' ') {
                let at = page.parent().expect("a folder").join(file);
                assert!(crate::common::exists(&at), "{} links to {link}", page.display());
            }
        }
        let words = text.split(|c: char| !(c.is_alphanumeric() || "./_-".contains(c)));
        let words = words.map(|word| word.trim_end_matches('.'));
        for named in words.filter(|word| word.starts_with("examples/") && word.contains('.')) {
            assert!(crate::common::exists(&root.join(named)), "{} names {named}", page.display());
        }
    }
}
