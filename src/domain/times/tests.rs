use super::*;
use crate::observe::clock;

fn moment(text: &str) -> Result<Timestamp, String> {
    read(text, Meant::Moment, clock::now())
}

fn end_written_out(text: &str) -> Result<String, String> {
    span_written_out(text, Meant::End, clock::now())
}

fn moment_written_out(text: &str) -> Result<String, String> {
    span_written_out(text, Meant::Moment, clock::now())
}

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

/// Some moment of 2026, at night in Washington.
fn now() -> Timestamp {
    at("2026-11-26T02:42:00.5Z")
}

fn read_all(text: &str) -> [Result<Timestamp, String>; 3] {
    [Meant::Since, Meant::Moment, Meant::End].map(|meant| read(text, meant, now()))
}

#[test]
fn a_time_with_its_zone_means_the_same_whatever_it_is_for() {
    for (texts, reported) in [
        (
            &[
                "2025-08-06T12:00:00Z",
                "2025-08-06T12:00Z",
                "2025-08-06 12:00 UTC",
                "2025-08-06 12:00:00 utc",
                "2025-08-06 12:00Z",
                "2025-08-06T08:00:00-04:00",
                "2025-08-06 08:00-04:00",
                "2025-08-06 08:00 -04:00",
                "2025-08-06 08:00 -0400",
                "2025-08-06 08:00 UTC-4",
                "2025-08-06 08:00 ET",
                "2025-08-06 08:00 EDT",
                "2025-08-06 8:00 AM Eastern",
                "Aug 6, 2025 08:00 Eastern Time",
                "August 6, 2025, 8:00 a.m. ET",
                "August 06, 2025 at 8:00 AM ET",
                "2025-08-06 07:00 CDT",
                "2025-08-06 05:00 PT",
                "2025-08-06T08:00[America/New_York]",
                "2025-08-06T08:00:00-04:00[America/New_York]",
                "  2025-08-06 08:00 America/New_York ",
            ][..],
            "2025-08-06T12:00:00Z",
        ),
        (
            &[
                "Jan 24, 2023 20:15 UTC",
                "01/24/2023 3:15 PM ET",
                "January 24, 2023 15:15:00 EST",
                "2023-01-24 3:15 PM ET",
            ],
            "2023-01-24T20:15:00Z",
        ),
    ] {
        for text in texts {
            for read in read_all(text) {
                assert_eq!(read, Ok(at(reported)), "{text:?}");
            }
        }
    }
}

#[test]
fn a_time_without_a_zone_is_refused_with_what_it_may_mean() {
    for text in ["2026-11-26 02:42", "2026-11-26T02:42:00", "Nov 26, 2026 02:42", "11/26/2026 2:42 AM"] {
        for read in read_all(text) {
            let problem = read.expect_err(text);
            assert!(problem.contains("no time zone"), "{problem}");
            assert!(problem.contains(&format!("{text} ET")) && problem.contains(&format!("{text} UTC")), "{problem}");
        }
    }
    let unknown = moment("2026-11-26 02:42 XYZ").expect_err("no zone");
    assert!(unknown.contains("\"XYZ\" is no time zone"), "{unknown}");
    let unknown = moment("2026-11-26 02:42 America/New_Yrok").expect_err("no zone");
    assert!(unknown.contains("New_Yrok"), "{unknown}");
}

#[test]
fn a_day_is_that_of_washington_for_every_flag() {
    for day in ["2025-08-06", "Aug 6, 2025", "August 6, 2025"] {
        let [since, moment, end] = read_all(day);
        assert_eq!(since, Ok(at("2025-08-06T04:00:00Z")), "{day}");
        assert_eq!(moment, Ok(at("2025-08-07T03:59:59.999Z")), "{day}");
        assert_eq!(end, Ok(at("2025-08-07T03:59:59.999Z")), "{day}");
    }
    // It is the 25th there still, though in UTC it is the 26th.
    let [since, moment, end] = read_all("2026-11-25");
    assert_eq!(since, Ok(at("2026-11-25T05:00:00Z")));
    assert_eq!(moment, Ok(now()), "today is told as far as it has come");
    assert_eq!(end, Ok(at("2026-11-26T04:59:59.999Z")));
    let tomorrow = read("2026-11-26", Meant::Moment, now()).expect("a time");
    assert!(tomorrow > now(), "nothing is told of tomorrow as if it were today");
}

#[test]
fn a_span_is_ago_or_ahead_by_what_it_is_for() {
    for (span, seconds) in [
        ("7d", 7 * 86_400),
        ("36h", 36 * 3600),
        ("90m", 90 * 60),
        ("2w", 14 * 86_400),
        ("1d 12h", 36 * 3600),
        ("1d12h", 36 * 3600),
        ("30 days", 30 * 86_400),
        ("0d", 0),
    ] {
        let [since, moment, end] = read_all(span);
        let (ago, ahead) = (now().as_second() - seconds, now().as_second() + seconds);
        assert_eq!(since.map(Timestamp::as_second), Ok(ago), "{span}");
        assert_eq!(moment.map(Timestamp::as_second), Ok(ago), "{span}");
        assert_eq!(end.map(Timestamp::as_second), Ok(ahead), "{span}");
    }
    assert_eq!(read("7d ago", Meant::Since, now()), read("7d", Meant::Since, now()));
    assert!(read("7d ago", Meant::End, now()).expect_err("over").contains("over already"));
    for span in ["1mo", "2 years", "1y 3d"] {
        for read in read_all(span) {
            assert!(read.expect_err(span).contains("count in days"), "{span}");
        }
    }
    for span in ["-7d", "99999999d"] {
        for read in read_all(span) {
            assert!(read.is_err(), "{span}");
        }
    }
}

#[test]
fn a_file_s_fields_take_no_span_since_it_would_mean_another_time_tomorrow() {
    for meant in [Meant::Moment, Meant::End] {
        let problem = read_absolute("30d", meant, now()).expect_err("a span");
        assert!(problem.contains("or a day (2023-01-24)") && !problem.contains("30d, 36h"), "{problem}");
        assert_eq!(read_absolute("2025-08-06", meant, now()), read("2025-08-06", meant, now()));
    }
    assert_eq!(end_written_out("2027-01-31"), Ok("2027-01-31".to_owned()));
    let ahead = at(&end_written_out("30d").expect("a span"));
    assert!(ahead > clock::now());
    for rubbish in ["soon", "", "2027-31-01"] {
        let problem = end_written_out(rubbish).expect_err(rubbish);
        assert!(problem.contains("how long from now (30d, 36h)") && problem.contains("its zone"), "{problem}");
        let problem = moment_written_out(rubbish).expect_err(rubbish);
        assert!(problem.contains("an age (7d, 36h)"), "{problem}");
    }
    assert!(at(&moment_written_out("2h").expect("a span")) < clock::now());
}

#[test]
fn a_day_with_strokes_that_may_be_two_is_refused_with_the_writing_of_each() {
    for (text, day, other) in [
        ("08/06/2025", "2025-08-06", "2025-06-08"),
        ("8/6/2025", "2025-08-06", "2025-06-08"),
        ("1/12/2026", "2026-01-12", "2026-12-01"),
        ("08/06/2025 12:00 ET", "2025-08-06 12:00 ET", "2025-06-08 12:00 ET"),
        ("08/06/2025, 8:00 a.m. ET", "2025-08-06, 8:00 a.m. ET", "2025-06-08, 8:00 a.m. ET"),
    ] {
        let fields = [Meant::Moment, Meant::End].map(|meant| read_absolute(text, meant, now()));
        for read in read_all(text).into_iter().chain(fields) {
            let problem = read.expect_err(text);
            assert!(problem.contains(&format!("write \"{day}\" or \"{other}\"")), "{problem}");
        }
        assert!(moment(day).is_ok() && moment(other).is_ok(), "what it says to write is read");
    }
    assert!(moment("08/06/2025").expect_err("two").contains("August 6 or June 8"));
    // It is one, whichever comes first; and where it can only be the US's, it is that.
    for (text, day) in [("08/08/2025", "2025-08-08"), ("08/31/2025", "2025-08-31"), ("8/13/2025", "2025-08-13")] {
        assert_eq!(read_all(text), read_all(day), "{text}");
    }
    for read in read_all("31/08/2025") {
        assert!(read.expect_err("no such month").contains("write \"2025-08-31\""));
    }
}

/// The writings that a refusal gives, in quotation marks or as words that end in a zone.
fn offered(problem: &str) -> Vec<Timestamp> {
    let advice = problem.split_once(": write ").expect("it says what to write").1;
    let quoted = advice.split('"').skip(1).step_by(2).filter_map(|text| moment(text).ok());
    let words = advice.split_whitespace().filter_map(|word| moment(word.trim_matches(['(', ')', ','])).ok());
    quoted.chain(words).collect()
}

#[test]
fn an_hour_that_the_clocks_showed_twice_or_never_is_refused_with_writings_that_are_read() {
    for (text, one, other) in [
        ("2025-11-02 01:30 ET", "2025-11-02T05:30:00Z", "2025-11-02T06:30:00Z"),
        ("2025-11-02T01:30[America/New_York]", "2025-11-02T05:30:00Z", "2025-11-02T06:30:00Z"),
        ("2025-11-02 01:30 America/Chicago", "2025-11-02T06:30:00Z", "2025-11-02T07:30:00Z"),
        ("2026-03-08 02:30 ET", "2026-03-08T07:30:00Z", "2026-03-08T06:30:00Z"),
        ("2026-03-08 02:30 EST", "2026-03-08T07:30:00Z", "2026-03-08T06:30:00Z"),
        ("2026-03-08 02:30 EDT", "2026-03-08T07:30:00Z", "2026-03-08T06:30:00Z"),
        ("2026-03-08T02:30:00[America/New_York]", "2026-03-08T07:30:00Z", "2026-03-08T06:30:00Z"),
        ("Mar 8, 2026 2:30 AM PT", "2026-03-08T10:30:00Z", "2026-03-08T09:30:00Z"),
        // Winter time in July is mostly said by habit, and an hour off then.
        ("2025-07-10 12:00 EST", "2025-07-10T16:00:00Z", "2025-07-10T17:00:00Z"),
        ("2025-01-10 12:00 PDT", "2025-01-10T20:00:00Z", "2025-01-10T19:00:00Z"),
    ] {
        for read in read_all(text) {
            let problem = read.expect_err(text);
            let offered = offered(&problem);
            assert!(offered.contains(&at(one)) && offered.contains(&at(other)), "{problem}");
            assert!(offered.iter().all(|time| [at(one), at(other)].contains(time)), "{problem}");
        }
    }
    assert!(moment("2025-11-02 01:30 ET").expect_err("twice").contains("two such times"));
    assert!(moment("2026-03-08 02:30 ET").expect_err("never").contains("no such time"));
    for (text, time) in [
        ("2025-11-02 01:30 EDT", "2025-11-02T05:30:00Z"),
        ("2025-11-02 01:30 EST", "2025-11-02T06:30:00Z"),
        ("2025-11-02T01:30-05:00[America/New_York]", "2025-11-02T06:30:00Z"),
    ] {
        assert_eq!(moment(text), Ok(at(time)), "{text}");
    }
}

#[test]
fn rubbish_is_told_what_can_be_given() {
    for rubbish in [
        "",
        "yesterday",
        "-3h",
        "7 August",
        "soon",
        "1756080000",
        "2025-13-01",
        "2025-02-30",
        "12:00 ET",
        "12:00:00",
        "1d 12:00:00",
        "08/06/25",
        "08/06/25 12:00 ET",
        "Z",
        "/",
    ] {
        for (read, meant) in read_all(rubbish).into_iter().zip(["age", "age", "from now"]) {
            let problem = read.expect_err(rubbish);
            assert!(problem.contains(meant) && problem.contains("its zone"), "{rubbish:?}: {problem}");
        }
    }
    assert!(read("9999-12-31", Meant::End, now()).expect_err("too far").contains("farther off"));
}
