//! A page of metrics, read as Prometheus reads it.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::header::{ACCEPT, CONTENT_TYPE};

use crate::common::Daemon;

/// One family of series.
#[derive(Debug, Default, PartialEq)]
pub struct Family {
    pub help: String,
    pub kind: String,
    /// The names of the labels of its series, those of histograms' buckets left out.
    pub labels: BTreeSet<String>,
    pub series: usize,
}

/// A page of metrics.
#[derive(Debug, Default)]
pub struct Page {
    pub text: String,
    pub content_type: String,
    /// By `name{label="value",...}`, the labels in the order of their names.
    pub values: BTreeMap<String, f64>,
    pub families: BTreeMap<String, Family>,
}

fn asked(daemon: &Daemon, path: &str) -> reqwest::RequestBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    client.get(format!("{}{path}", daemon.http.as_deref().expect("an HTTP listener")))
}

/// Asks for a path, whatever the answer.
pub async fn get(daemon: &Daemon, path: &str) -> reqwest::Response {
    asked(daemon, path).send().await.expect("an answer")
}

impl Page {
    /// Asks for one.
    pub async fn of(daemon: &Daemon, accept: &str) -> Self {
        let answer = asked(daemon, "/metrics").header(ACCEPT, accept).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.status());
        let content_type = answer.headers()[CONTENT_TYPE].to_str().expect("a text").to_owned();
        let text = answer.text().await.expect("a text");
        Self { content_type, ..Self::read(text) }
    }

    pub fn read(text: String) -> Self {
        let mut page = Self::default();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a help");
                page.families.entry(name.to_owned()).or_default().help = help.to_owned();
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                page.families.entry(name.to_owned()).or_default().kind = kind.to_owned();
            } else if !line.starts_with('#') {
                page.sample(line);
            }
        }
        page.text = text;
        page
    }

    fn sample(&mut self, line: &str) {
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        // No value of ours holds a comma or a quotation mark.
        let labels = labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty());
        let mut labels: Vec<(&str, &str)> = labels.map(|label| label.split_once('=').expect("a label")).collect();
        labels.sort_unstable();
        let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let family = histogram.filter(|family| self.families.contains_key(*family)).unwrap_or(name);
        let family = if self.families.contains_key(family) { family } else { family.trim_end_matches("_total") };
        let family = self.families.get_mut(family).unwrap_or_else(|| panic!("{name} has no type"));
        family.series += 1;
        family.labels.extend(labels.iter().map(|(label, _)| (*label).to_owned()).filter(|label| label != "le"));
        let labels: Vec<String> = labels.iter().map(|(label, value)| format!("{label}={value}")).collect();
        let key = if labels.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", labels.join(",")) };
        let value = value.parse().unwrap_or_else(|_| panic!("{line} has no number"));
        assert!(self.values.insert(key, value).is_none(), "twice: {line}");
    }

    /// The value of one series; 0 if there is none.
    pub fn value(&self, series: &str) -> f64 {
        self.values.get(series).copied().unwrap_or_default()
    }

    /// The values of all series of a name that are not zero, by their labels.
    pub fn of_name(&self, name: &str) -> BTreeMap<String, f64> {
        let named = self.values.iter().filter(|(series, value)| **value != 0.0 && series.starts_with(name));
        let labels = |series: &str| series.strip_prefix(name).expect("its name").to_owned();
        named.map(|(series, value)| (labels(series), *value)).filter(|(rest, _)| rest.starts_with('{')).collect()
    }
}
