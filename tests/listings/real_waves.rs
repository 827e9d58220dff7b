//! Vetting on the real weeks: every real step passes without a person, and no cut file does.

use crate::common::real::weeks;
use rmdd::domain::{Listing, Snapshot};
use rmdd::listing::parse::parse;
use rmdd::listing::vet::{Doubt, Provenance, Resolution, VetConfig, Vetted, vet};

fn judge(listing: Listing, current: Option<&Snapshot>) -> Vetted {
    let provenance = Provenance::made_up(jiff::Timestamp::UNIX_EPOCH);
    vet(listing, provenance, current, &VetConfig::default()).expect("a real listing can be read")
}

#[test]
fn every_real_step_applies_within_two_fetches_and_no_cut_of_half_a_percent_does() {
    let Some(weeks) = weeks() else { return };
    let mut current: Option<Snapshot> = None;
    let mut before_that: Option<Snapshot> = None;
    let mut steps = [0; 3];
    // The usual run cuts every third week, and there one place in three: each cut is a listing that is judged whole, twice.
    let sparse = if std::env::var_os("RMDD_ALL_FAULTS").is_some() { 1 } else { 3 };
    for (turn, (week, bytes)) in weeks.into_iter().enumerate() {
        let listing = parse(&bytes).expect("a listing");
        let rows = listing.filings.len();
        let whole = judge(listing.clone(), current.as_ref());
        assert_ne!(whole.requires(), Some(Resolution::Person), "{week}: {:?}", whole.doubts);

        // Where the week between was held for a fault, the next good one still heals it.
        let over_one = before_that.as_ref().map(|current| judge(listing.clone(), Some(current)));
        if let Some(over_one) = over_one {
            assert_ne!(over_one.requires(), Some(Resolution::Person), "{week}, a week left out: {:?}", over_one.doubts);
        }

        let own = judge(listing.clone(), None).snapshot;
        let (mut cuts, mut unseen) = (0, 0);
        let first = rows.div_ceil(200);
        // Every boundary near the end, where it is hardest to tell, then ever fewer.
        let boundaries = (first..first + 60)
            .step_by(sparse)
            .chain((first + 60..rows / 10).step_by(13 * sparse))
            .chain((rows / 10..rows).step_by(577 * sparse))
            .filter(|_| turn.is_multiple_of(sparse));
        for (place, gone) in boundaries.enumerate() {
            let mut cut = listing.clone();
            cut.filings.truncate(rows - gone);
            if place.is_multiple_of(sparse) {
                let judged = judge(cut.clone(), Some(&own));
                assert_eq!(judged.requires(), Some(Resolution::Person), "{week}: {gone} rows cut");
            }
            let Some(before) = &current else { continue };
            cuts += 1;
            let judged = judge(cut, Some(before));
            if judged.requires() != Some(Resolution::Person) {
                // Only filings that nobody has seen yet are cut: in the rush before a deadline that cannot be told by
                // the dates. Nobody who stands is lost by it, and the next whole listing brings them.
                let lost = judged.gone.iter().filter(|number| own.filing(**number).is_some()).count();
                assert!(lost < 3, "{week}: {gone} rows cut, {lost} standing filings lost");
                unseen += 1;
            }
        }
        println!(
            "{week}: {rows} filings, {}; {cuts} cuts, {unseen} of them only of filings not seen before; {:?}",
            match whole.requires() {
                None => "applied at once",
                _ => "applied with a second copy",
            },
            whole.doubts.iter().map(Doubt::resolution).collect::<Vec<_>>()
        );
        // The first listing is no step.
        if current.is_some() {
            let place = match whole.requires() {
                None if whole.doubts.is_empty() => 0,
                None => 1,
                _ => 2,
            };
            steps[place] += 1;
        }
        before_that = current.replace(whole.snapshot);
    }
    let [silent, alarm, second] = steps;
    println!("{silent} steps apply at once, {alarm} at once with an alarm, {second} with a second copy; none is held");
}
