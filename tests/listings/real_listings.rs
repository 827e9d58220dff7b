//! Questions about real weekly listings.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use crate::common::canonical::{export_of, sha256};
use crate::common::indexed::index;
use crate::common::real::{newest_weeks, week};
use crate::common::{Site, ask, by_frn, by_number, times};
use rmdd::api::grpc::role_to_wire;
use rmdd::api::grpc::v1::{self, Reason, SyncOutcome, Verdict};
use rmdd::decide::{Policy, Query, decide};
use rmdd::domain::{self, ProviderRole};
use rmdd::records::Records;

/// Every filing's number and FRN, by looking for line beginnings only: another way than the parser's.
fn filings(bytes: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(bytes);
    text.split('\n')
        .filter_map(|line| {
            let (number, rest) = line.split_once(',')?;
            let digits = number.strip_prefix("RMD")?;
            (digits.len() == 7 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(())?;
            Some((number.to_owned(), rest.split(',').next()?.to_owned()))
        })
        .collect()
}

#[tokio::test]
async fn the_removals_of_a_real_week_are_exactly_the_numbers_missing_from_its_listing() {
    let (Some(before), Some(after)) = (week("2025-08-04.csv"), week("2025-08-11.csv")) else { return };
    let (earlier, later) = (filings(&before), filings(&after));
    let missing: BTreeMap<_, _> = earlier.iter().filter(|(number, _)| !later.contains_key(*number)).collect();
    assert!(missing.len() > 100 && later.len() > 9_000, "the test's own reading works");

    let site = Site::with_listing(&before);
    let mut daemon = site.start();
    let sync = daemon.first_sync().await;
    assert_eq!((sync.outcome(), sync.filings), (SyncOutcome::Applied, earlier.len() as u64));
    site.publish(&after);
    let sync = daemon.sync().await;
    assert_eq!((sync.outcome(), sync.filings), (SyncOutcome::Applied, later.len() as u64));
    assert_eq!(sync.removed, missing.len() as u64);

    for round in ["running", "killed and started again"] {
        if round != "running" {
            daemon.kill();
            daemon = site.start();
        }
        let removals = site.run(&["removals", "--json"]);
        let listed: Vec<String> = crate::common::stdout(&removals)
            .lines()
            .map(|line| {
                let removal: serde_json::Value = serde_json::from_str(line).expect("JSON");
                removal["filing"]["number"].as_str().expect("a number").to_owned()
            })
            .collect();
        let mut sorted = listed.clone();
        sorted.sort();
        assert_eq!(sorted, missing.keys().map(|number| (*number).clone()).collect::<Vec<_>>(), "{round}");

        let mut acceptance = daemon.acceptance().await;
        for (number, frn) in &missing {
            let answer = ask(&mut acceptance, by_number(number)).await;
            let provider_stands = later.values().any(|other| other == *frn);
            if provider_stands {
                assert_eq!(answer.verdict(), Verdict::Accept, "{number} is gone, its provider is not");
                continue;
            }
            assert_eq!((answer.verdict(), answer.reason()), (Verdict::Refuse, Reason::Removed), "{round}: {number}");
            let (last_seen, first_missing) = times(&answer).expect("both times");
            assert!(last_seen < first_missing);
            let by_frn = ask(&mut acceptance, by_frn(frn)).await;
            assert_eq!((by_frn.verdict(), by_frn.reason()), (Verdict::Refuse, Reason::Removed), "{round}: {frn}");
        }
        // What could be lost is the same for all: not all of them are asked about one by one, and fewer after a restart.
        let one_in = if round == "running" { 5 } else { 50 };
        for (number, frn) in later.iter().step_by(one_in) {
            let answer = ask(&mut acceptance, by_number(number)).await;
            assert_eq!((answer.verdict(), answer.reason()), (Verdict::Accept, Reason::Listed), "{round}: {number}");
            if !frn.is_empty() {
                let answer = ask(&mut acceptance, by_frn(frn)).await;
                assert_eq!((answer.verdict(), answer.reason()), (Verdict::Accept, Reason::Listed), "{round}: {frn}");
            }
        }
    }
}

/// Verdict, reason, and whether they rest on policy.
type Ruling = (domain::Verdict, domain::Reason, bool);

/// What the matrix says of one provider in one role, from the cells of its rows alone. It knows nothing of removals: the listing is the first.
fn expected(rows: &[&csv::StringRecord], columns: [usize; 3], role: Option<usize>) -> Ruling {
    use domain::{Reason, Verdict};
    let says = |place: usize, answer: &str| rows.iter().any(|row| row[columns[place]].trim() == answer);
    match role {
        None => (Verdict::Accept, Reason::Listed, !(0..3).any(|place| says(place, "Yes"))),
        Some(place) if says(place, "Yes") => (Verdict::Accept, Reason::Listed, false),
        Some(place) if says(place, "No") => (Verdict::Refuse, Reason::RoleNotCertified, true),
        Some(_) => (Verdict::Accept, Reason::Listed, true),
    }
}

/// So many answers, by role and ruling.
type Counts = HashMap<(&'static str, Ruling), usize>;

#[tokio::test]
async fn every_filing_of_a_real_week_is_decided_in_every_role_as_its_cells_say() {
    let Some(bytes) = week("2025-08-11.csv") else { return };
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let header = reader.headers().expect("a header").clone();
    let column = |name: &str| header.iter().position(|column| column == name).expect(name);
    let (number, frn) = (column("number"), column("frn"));
    let choices =
        ["voice_service_provider_choice", "gateway_provider_choice", "intermediate_provider_choice"].map(column);
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    let mut by_provider: BTreeMap<&str, Vec<&csv::StringRecord>> = BTreeMap::new();
    for row in &rows {
        by_provider.entry(if row[frn].is_empty() { &row[number] } else { &row[frn] }).or_default().push(row);
    }

    let site = Site::with_listing(&bytes);
    let daemon = site.start();
    daemon.first_sync().await;
    let mut acceptance = daemon.acceptance().await;
    let index = index(&bytes, crate::common::now());
    let roles = [
        None,
        Some(ProviderRole::VoiceService),
        Some(ProviderRole::Gateway),
        Some(ProviderRole::NonGatewayIntermediate),
    ];
    let (mut counted, mut answered) = (Counts::new(), Counts::new());
    for ((provider, rows), turn) in by_provider.iter().zip(0usize..) {
        for (place, role) in roles.into_iter().enumerate() {
            let key = expected(rows, choices, place.checked_sub(1));
            let name = role.map_or("any role", |role| role.label());
            *counted.entry((name, key)).or_default() += rows.len();
            // By the number of each of its filings, and by FRN: it is the same provider.
            let by_number = rows.iter().map(|row| (&row[number], true));
            let by_frn = Some((*provider, false)).filter(|_| !rows[0][frn].is_empty());
            for (identity, of_filing) in by_number.chain(by_frn) {
                let query = Query { role, ..Query::about(identity.parse().expect("an identity")) };
                let now = index.confirmed_at();
                let reported = decide(&index, &Records::default(), &query, &Policy::default(), now).expect("a verdict");
                let reported = (reported.verdict, reported.reason, reported.by_policy);
                assert_eq!(reported, key, "{identity} as {name}");
                if of_filing {
                    *answered.entry((name, reported)).or_default() += 1;
                }
            }
            // Over the wire a part of them, which is enough to see that nothing is lost on the way.
            if turn % 20 == 0 {
                let by_number = provider.starts_with("RMD");
                let mut request =
                    if by_number { crate::common::by_number(provider) } else { crate::common::by_frn(provider) };
                request.set_role(role.map_or(v1::ProviderRole::Unspecified, role_to_wire));
                let answer = ask(&mut acceptance, request).await;
                let verdict = if key.0 == domain::Verdict::Accept { Verdict::Accept } else { Verdict::Refuse };
                assert_eq!((answer.verdict(), answer.by_policy), (verdict, key.2), "{}", answer.message);
            }
        }
    }
    let _ = writeln!(std::io::stderr(), "\n{} filings of {} providers, decided:", rows.len(), by_provider.len());
    for ((role, (verdict, reason, by_policy)), count) in &answered {
        let policy = if *by_policy { ", by policy" } else { "" };
        let _ = writeln!(std::io::stderr(), "  {count:>6}  {role}: {verdict:?} {reason:?}{policy}");
    }
    assert_eq!(answered, counted);
    assert_eq!(answered.values().sum::<usize>(), 4 * rows.len(), "every filing, in every role");

    let own = ask(&mut acceptance, by_frn("0020237343")).await;
    assert_eq!((own.verdict(), own.reason()), (Verdict::Accept, Reason::Listed), "by its own FRN");
    let other = ask(&mut acceptance, by_frn("0028844892")).await;
    assert_eq!((other.verdict(), other.reason()), (Verdict::Refuse, Reason::OtherFrnOnly), "by its other FRN");
    assert_eq!(other.candidates, [own.filing.expect("its filing").number], "which proposes it");
}

#[test]
fn every_real_week_is_exported_later_as_it_was_published() {
    let Some(weeks) = newest_weeks() else { return };
    let site = Site::new();
    let source = site.listing().display().to_string();
    let mut known = Vec::new();
    for (name, bytes) in &weeks {
        site.publish(bytes);
        site.make_store();
        let sync = crate::common::json(&site.run(&["sync", "--source", &source, "--json"]));
        assert_eq!(sync["outcome"], "applied", "{name}: {sync}");
        known.push((name, crate::common::now().to_string(), export_of(bytes)));
    }
    for (name, at, expected) in &known {
        let export = site.run(&["export", "--at", at]);
        assert!(export.stdout == *expected, "{name}: {}", crate::common::stderr(&export));
        let check = crate::common::json(&site.run(&["check", "9999999999", "--at", at, "--json"]));
        assert_eq!(check["snapshot"]["listing_sha256"], sha256(expected).as_str(), "{name}");
    }
}
