//! Slack's incoming webhooks, which Mattermost takes, too.

use serde_json::json;

use crate::alerts::digest;
use crate::store::EventRecord;

/// So many characters a message has at most. Slack cuts behind 40,000, Mattermost behind 16,383.
const MOST: usize = 12_000;

/// One message for all events. All that comes from elsewhere stands in a block of code, where nothing is a mention or a link.
pub fn body(events: &[EventRecord]) -> String {
    let digest = digest::of(events);
    let mut details = String::new();
    for line in &digest.lines {
        if details.chars().count() + line.chars().count() > MOST {
            details.push_str("… and more: rmdd alerts list\n");
            break;
        }
        details.push_str(&harmless(line));
        details.push('\n');
    }
    let text = format!("*{}*\n```\n{details}```", harmless(&digest.subject));
    json!({ "text": text, "unfurl_links": false, "unfurl_media": false }).to_string()
}

/// Text in which nothing begins a mention, a link, an entity or the end of a block of code.
fn harmless(text: &str) -> String {
    text.chars()
        .map(|sign| match sign {
            '<' => '‹',
            '>' => '›',
            '`' => '\'',
            '*' => '∗',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_add_neither_a_mention_nor_a_link_nor_leave_the_block() {
        let text = harmless("<!channel> ```evil``` <https://evil.example|click> *bold*");
        assert!(!text.contains(['<', '>', '`', '*']), "{text}");
    }
}
