//! The page of metrics, word for word, with figures where a run determines them.

use insta::{Settings, assert_snapshot};

use super::page::Page;
use super::{LISTED, NEVER, REMOVED, with_a_removal};
use crate::common::{Site, ask, by_frn};

#[tokio::test]
async fn the_page_of_metrics() {
    let site = Site::new();
    let daemon = with_a_removal(&site, "").await;
    let mut client = daemon.acceptance().await;
    for frn in [LISTED, LISTED, REMOVED, NEVER] {
        ask(&mut client, by_frn(frn)).await;
    }
    let page = Page::of(&daemon, "text/plain").await;
    // The order of series within a family is that of a hash table.
    let mut families: Vec<Vec<&str>> = Vec::new();
    for line in page.text.lines() {
        if line.starts_with("# HELP") || families.is_empty() {
            families.push(Vec::new());
        }
        if let Some(family) = families.last_mut() {
            family.push(line);
        }
    }
    for family in &mut families {
        family.sort_by_key(|line| (!line.starts_with('#'), if line.starts_with('#') { "" } else { line }));
    }
    let text = families.concat().join("\n");
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    // Times, durations and sizes; connections, which waiting for the daemon takes; what the log has yet to write.
    settings.add_filter(
        r"(?m)^(\w*(seconds|bytes|fds|threads|connections|log_lines|queue_length)\w*(\{[^}]*\})?) .+$",
        "$1 [number]",
    );
    settings.add_filter(r#"(version|rustc)="[^"]*""#, r#"$1="[version]""#);
    settings.bind(|| assert_snapshot!("metrics", text));
}
