//! What `tests/browser` needs of this crate: listings of one made-up world, week by week.

use std::path::Path;

use rmdd_testkit::World;
use rmdd_testkit::listing::Step;

/// A number of the environment.
fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

#[test]
#[ignore = "writes listings for the test in a browser: just page-check"]
fn the_listings_of_the_test_in_a_browser_are_written() {
    let directory = std::env::var("PAGE_LISTINGS").expect("where to");
    let (filings, weeks) = (number("PAGE_FILINGS", 1200), number("PAGE_WEEKS", 14));
    std::fs::create_dir_all(&directory).expect("a folder");
    let mut world = World::new(7, filings);
    for week in 0..=weeks {
        std::fs::write(Path::new(&directory).join(format!("{week}.csv")), world.to_csv()).expect("written");
        // A wave of removals now and then, as the FCC's orders bring them.
        let remove = if week % 23 == 17 { filings / 60 } else { 2 + week % 4 };
        world.advance(Step { list: 5 + week % 9, amend: 40, remove, reinstate: week % 2 });
    }
}
