//! A site as a cycle would leave it: what stands, and what was said. In process, so that thousands of faulty files can be
//! tried.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rmdd::decide::{Policy, Query, decide};
use rmdd::domain::{ChangeSerial, Frn, Identity, Listing, ProviderRole, RemovalHistory, Snapshot, Ternary, Verdict};
use rmdd::listing::diff::step;
use rmdd::listing::index::Index;
use rmdd::listing::parse::parse;
use rmdd::listing::vet::{Against, Doubt, Provenance, Resolution, VetConfig, vet_against};
use rmdd::records::Records;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    Applied,
    Corroborated,
    Held,
    Refused,
}

/// What stands at a site.
#[derive(Debug, Clone, Default)]
pub struct Site {
    pub current: Option<Snapshot>,
    pub removals: RemovalHistory,
    /// What the last file led to.
    pub alarms: Vec<String>,
    pub doubts: Vec<Doubt>,
}

impl Site {
    /// What a sync of this file leads to. A second copy says the same as the first.
    pub fn sync(&mut self, bytes: &[u8]) -> Outcome {
        match parse(bytes) {
            Ok(listing) => self.judge(listing),
            Err(_) => self.refuse(),
        }
    }

    fn refuse(&mut self) -> Outcome {
        self.doubts.clear();
        self.alarms = vec!["SYNC_REFUSED".to_owned()];
        Outcome::Refused
    }

    /// What a listing leads to that could be read.
    pub fn judge(&mut self, listing: Listing) -> Outcome {
        self.alarms.clear();
        // As long after the listings' dates as they are read: within a moment of one another.
        let provenance = Provenance::made_up("2026-11-26T12:00:00Z".parse().expect("a time"));
        let against = Against { current: self.current.as_ref(), removals: Some(&self.removals), peers: &[] };
        let Ok(vetted) = vet_against(listing, provenance, against, &VetConfig::default()) else {
            return self.refuse();
        };
        let required = vetted.requires();
        self.doubts = vetted.doubts;
        if required == Some(Resolution::Person) {
            self.alarms.push("LISTING_HELD".to_owned());
            return Outcome::Held;
        }
        self.alarms.extend(vetted.snapshot.anomalies.iter().map(|anomaly| anomaly.code().as_str().to_owned()));
        let before = self.current.as_ref().map(|current| (current, current.confirmed_at));
        self.removals = step(before, &self.removals, &vetted.snapshot).removals;
        self.current = Some(vetted.snapshot);
        if required.is_some() {
            self.alarms.push("LISTING_CORROBORATED".to_owned());
            return Outcome::Corroborated;
        }
        Outcome::Applied
    }

    /// What the site answers.
    pub fn answers(&self) -> Answers {
        let current = self.current.clone().expect("a listing");
        Answers::of(&Index::build(current, self.removals.clone(), ChangeSerial(0)))
    }
}

/// The verdicts about each provider: in any role and in each, and for a foreign call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers(BTreeMap<Frn, [Verdict; 5]>);

const UNLISTED: [Verdict; 5] = [Verdict::Refuse; 5];

impl Answers {
    fn of(index: &Index) -> Self {
        let frns: BTreeSet<Frn> = index.snapshot().filings.iter().filter_map(|filing| filing.frn()).collect();
        let (records, policy, now) = (Records::default(), Policy::default(), Timestamp::UNIX_EPOCH);
        let ask = |query: Query| decide(index, &records, &query, &policy, now).map_or(Verdict::Refuse, |d| d.verdict);
        let answers = |frn: Frn| {
            let any = Query::about(Identity::Frn(frn));
            let [voice, gateway, intermediate] = ProviderRole::ALL.map(|role| ask(Query { role: Some(role), ..any }));
            let abroad = ask(Query { us_caller_id: Ternary::No, role: Some(ProviderRole::Gateway), ..any });
            [ask(any), voice, gateway, intermediate, abroad]
        };
        Self(frns.into_iter().map(|frn| (frn, answers(frn))).collect())
    }

    /// How many providers are answered otherwise than by either of two listings that are right.
    pub fn wrong(&self, before: &Self, after: &Self) -> usize {
        let providers: BTreeSet<&Frn> = self.0.keys().chain(before.0.keys()).chain(after.0.keys()).collect();
        let of = |answers: &Self, frn: &Frn| answers.0.get(frn).copied().unwrap_or(UNLISTED);
        let is_wrong = |frn: &&&Frn| {
            let right = [of(before, frn), of(after, frn)];
            (0..5).any(|question| right.iter().all(|right| right[question] != of(self, frn)[question]))
        };
        providers.iter().filter(is_wrong).count()
    }
}
