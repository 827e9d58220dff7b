//! Sources that misbehave: whatever comes, the last listing goes on being served, the status names the cause, and the
//! next good fetch heals it without a person.

use std::io::Write;
use std::time::Duration;

use crate::common::http::{Answer, Server, head};
use crate::common::{Daemon, Site, ask, by_number, eventually};
use rmdd::api::grpc::v1::{
    CheckProviderRequest, GetStatusResponse, ProviderRole, Reason, ReloadConfigRequest, State, SyncOutcome, SyncReport,
    SyncTrigger,
};
use rmdd_testkit::{CsvFormat, LineEnd, World};

/// A bad answer and what must come of it.
struct Bad {
    case: &'static str,
    answer: Answer,
    /// The cause of a failed fetch; nothing if a listing came and was refused.
    kind: Option<&'static str>,
    /// What the error and the alarm must say.
    words: &'static str,
}

fn fails(case: &'static str, answer: Answer, kind: &'static str, words: &'static str) -> Bad {
    Bad { case, answer, kind: Some(kind), words }
}

fn refused(case: &'static str, answer: Answer, words: &'static str) -> Bad {
    Bad { case, answer, kind: None, words }
}

/// A daemon that serves a listing and whose source is a server that can be told to misbehave.
struct Scene {
    _site: Site,
    server: Server,
    daemon: Daemon,
    good: Vec<u8>,
    number: String,
    config: String,
}

impl Scene {
    /// Syncs come only if they are asked for, or at once after a failure.
    async fn new(world: &World, settings: &str) -> Self {
        Self::with_server(world, settings, Server::start(Answer::csv(&world.to_csv())).await).await
    }

    async fn with_server(world: &World, settings: &str, server: Server) -> Self {
        let site = Site::new();
        let mut text = format!("source = {:?}\n[schedule]\ncron = \"0 0 1 1 *\"\n[fetch]\n{settings}", server.url);
        text.push_str("tries = 1\nretry_min = \"20ms\"\nretry_max = \"40ms\"\nmax_retry_after = \"60ms\"\n");
        if let Some(ca) = &server.ca {
            let path = site.directory.path().join("ca.pem");
            std::fs::write(&path, ca).expect("written");
            text.push_str(&format!("extra_ca = {path:?}\n"));
        }
        let config = site.configure(&text);
        let daemon = site.start_with(&["--config", &config]);
        let first = daemon.first_sync().await;
        assert_eq!(first.outcome(), SyncOutcome::Applied, "{}", first.error);
        let number = world.rows().next().expect("a filing").get("number").to_owned();
        Self { _site: site, server, daemon, good: world.to_csv(), number, config }
    }

    async fn status(&self) -> GetStatusResponse {
        self.daemon.status().await
    }

    async fn assert_served(&self, case: &str) {
        let answer = ask(&mut self.daemon.acceptance().await, by_number(&self.number)).await;
        assert_eq!(answer.reason(), Reason::Listed, "{case}");
    }

    /// Nothing changes but what the status says.
    async fn assert_survives(&self, bad: Bad) {
        let Bad { case, answer, kind, words } = bad;
        let before = self.status().await.snapshot.expect("a snapshot");
        self.server.answer(answer);
        let sync = self.daemon.sync().await;
        let outcome = if kind.is_some() { SyncOutcome::Failed } else { SyncOutcome::Refused };
        assert_eq!(sync.outcome(), outcome, "{case}: {}", sync.error);
        assert!(sync.error.contains(words), "{case}: {}", sync.error);

        let status = self.status().await;
        assert_eq!(status.state(), State::Warning, "{case}");
        let code = if kind.is_some() { "SYNC_FAILED" } else { "SYNC_REFUSED" };
        let alarm = status.alarms.iter().find(|alarm| alarm.code == code).unwrap_or_else(|| panic!("{case}"));
        assert!(alarm.message.contains(words), "{case}: {}", alarm.message);
        let fault = status.sources[0].fault.as_ref().map(|fault| fault.kind.as_str());
        assert_eq!(fault, kind, "{case}: {}", sync.error);
        let now = status.snapshot.expect("a snapshot");
        assert_eq!((now.serial, now.sha256, now.confirmed_at), (before.serial, before.sha256, before.confirmed_at));
        self.assert_served(case).await;
    }

    /// A good answer is fetched by the daemon itself, and all is well.
    async fn assert_heals(&self, case: &str) {
        self.server.answer(Answer::csv(&self.good));
        let healed =
            eventually(case, || async { Some(self.status().await).filter(|status| status.state() == State::Fresh) })
                .await;
        let last = healed.last_sync.expect("a cycle");
        assert_eq!((last.trigger(), last.outcome()), (SyncTrigger::Retry, SyncOutcome::Unchanged), "{case}");
        assert_eq!((healed.failures_since, healed.sources[0].failures), (0, 0), "{case}");
    }

    /// A listing that is odd and applied. Returns what came of it.
    async fn assert_applied(&self, case: &str, listing: &[u8], alarm: Option<&str>) -> SyncReport {
        self.server.answer(Answer::csv(listing));
        let sync = self.daemon.sync().await;
        assert_eq!(sync.outcome(), SyncOutcome::Applied, "{case}: {}", sync.error);
        assert_eq!((sync.listed, sync.removed, sync.reinstated), (0, 0, 0), "{case}");
        let alarms = self.status().await.alarms;
        let codes: Vec<&str> = alarms.iter().map(|alarm| alarm.code.as_str()).collect();
        assert_eq!(codes, alarm.into_iter().collect::<Vec<_>>(), "{case}");
        self.assert_served(case).await;
        sync
    }

    /// The good listing again, and no alarm.
    async fn assert_restored(&self, case: &str) -> SyncReport {
        self.assert_applied(case, &self.good, None).await
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).expect("packed");
    packer.finish().expect("packed")
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    brotli::CompressorWriter::new(&mut packed, 4096, 3, 22).write_all(bytes).expect("packed");
    packed
}

fn without_length(body: &[u8]) -> Vec<u8> {
    [head("200 OK", "Content-Type: text/csv\r\n").as_slice(), body].concat()
}

/// The listing with the cells of two columns changed over, under the header as it was.
fn with_cells_swapped(world: &World, one: &str, other: &str) -> Vec<u8> {
    let mut swapped = world.clone();
    let numbers: Vec<String> = world.rows().map(|row| row.get("number").to_owned()).collect();
    for number in numbers {
        let row = swapped.row_mut(&number).expect("a filing");
        let (first, second) = (row.get(one).to_owned(), row.get(other).to_owned());
        row.set(one, second);
        row.set(other, first);
    }
    swapped.to_csv()
}

fn statuses() -> Vec<Bad> {
    let answer = |status: &str| Answer::response(status, "", b"");
    let page = b"<!DOCTYPE html><title>Maintenance</title>";
    vec![
        fails("204", answer("204 No Content"), "UNEXPECTED_STATUS", "204"),
        fails("206", answer("206 Partial Content"), "UNEXPECTED_STATUS", "206"),
        fails("304 to a question without a condition", answer("304 Not Modified"), "UNEXPECTED_STATUS", "304"),
        fails(
            "301 to http",
            Answer::response("301 Moved Permanently", "Location: http://127.0.0.1:9/a.csv\r\n", b""),
            "REDIRECT_UNSAFE",
            "http://127.0.0.1:9/a.csv, which is not https",
        ),
        fails("401", answer("401 Unauthorized"), "ACCESS_DENIED", "401"),
        fails("403", answer("403 Forbidden"), "ACCESS_DENIED", "403"),
        fails("404", Answer::response("404 Not Found", "", b"gone"), "NOT_FOUND", "404"),
        fails(
            "429 with Retry-After",
            Answer::response("429 Too Many Requests", "Retry-After: 120\r\n", b""),
            "TOO_MANY_REQUESTS",
            "Retry-After",
        ),
        fails("500", answer("500 Internal Server Error"), "SERVER_ERROR", "500"),
        fails(
            "503 with a page",
            Answer::response("503 Service Unavailable", "Content-Type: text/html\r\n", page),
            "SERVER_ERROR",
            "503",
        ),
    ]
}

fn broken_bodies(good: &[u8]) -> Vec<Bad> {
    let (length, half) = (good.len(), &good[..good.len() / 2]);
    let packed = gzip(good);
    let with_length = |length: usize, body: &[u8]| {
        Answer::response("200 OK", &format!("Content-Type: text/csv\r\nContent-Length: {length}\r\n"), body)
    };
    let chunked = "Content-Type: text/csv\r\nTransfer-Encoding: chunked\r\n";
    vec![
        fails("reset in the body", Answer::Reset(without_length(half)), "BROKEN_OFF", "fetched whole"),
        fails("silence before the headers", Answer::Stall(Vec::new()), "IDLE_TIMEOUT", "silent"),
        fails("silence in the body", Answer::Stall(without_length(half)), "IDLE_TIMEOUT", "silent"),
        fails("a length too long", with_length(length + 1, good), "BROKEN_OFF", "fetched whole"),
        // The bytes past the length are not the body's: what is left is a listing that is cut.
        refused("a length too short", with_length(length - 30, good), "cut short"),
        refused("half a file without a length", Answer::Bytes(without_length(half)), "cut short"),
        fails(
            "chunks cut short",
            Answer::response("200 OK", chunked, b"ffff\r\nnumber,frn"),
            "BROKEN_OFF",
            "fetched whole",
        ),
        fails(
            "chunks without the last",
            Answer::response("200 OK", chunked, b"a\r\nnumber,frn\r\n"),
            "BROKEN_OFF",
            "fetched whole",
        ),
        fails("gzip cut short", Answer::packed("gzip", &packed[..packed.len() / 2]), "PACKING_BROKEN", "gzip"),
        fails("gzip without its end", Answer::packed("gzip", &packed[..packed.len() - 1]), "PACKING_BROKEN", "gzip"),
        fails("gzip that is none", Answer::packed("gzip", good), "PACKING_BROKEN", "gzip"),
        fails("Brotli cut short", Answer::packed("br", &brotli(good)[..200]), "PACKING_BROKEN", "br body"),
        fails("an unknown packing", Answer::packed("zstd", good), "PACKING_UNKNOWN", "zstd"),
        fails("a gzip bomb", Answer::packed("gzip", &gzip(&vec![0; 16 << 20])), "TOO_LARGE", "fetch.max_bytes"),
        fails("no HTTP", Answer::Bytes(b"220 mail.example ESMTP\r\n".to_vec()), "BROKEN_OFF", "fetched whole"),
        fails("nothing at all", Answer::Bytes(Vec::new()), "BROKEN_OFF", "fetched whole"),
    ]
}

fn no_listings(world: &World) -> Vec<Bad> {
    let good = world.to_csv();
    let text = String::from_utf8(good.clone()).expect("UTF-8");
    let first_line = text.lines().next().expect("a header");
    let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let with_bom = [b"\xff\xfe".as_slice(), &utf_16].concat();
    let with_nul = text.replacen("https://", "https\0://", 1);
    let frn_gone = text.replacen(",frn,", ",fern,", 1);
    let page = "<!DOCTYPE html><html><title>Log in</title></html>";
    vec![
        refused("200 with HTML", Answer::ok("text/html; charset=utf-8", page.as_bytes()), "HTML"),
        refused("200 with HTML that says it is CSV", Answer::csv(page.as_bytes()), "HTML"),
        refused("200 with JSON", Answer::ok("application/json", b"{\"result\":[]}"), "JSON"),
        refused("200 with nothing", Answer::csv(b""), "empty"),
        refused("UTF-16", Answer::csv(&utf_16), "binary"),
        refused("UTF-16 with its mark", Answer::csv(&with_bom), "binary"),
        refused("a NUL", Answer::csv(with_nul.as_bytes()), "binary"),
        refused("binary", Answer::csv(&[0xff, 0, 0x80, 7]), "binary"),
        refused("an essential column gone", Answer::csv(frn_gone.as_bytes()), "`frn`"),
        refused("a column twice", Answer::csv(text.replacen(",country,", ",frn,", 1).as_bytes()), "`frn` twice"),
        refused(
            "an unknown column twice",
            Answer::csv(text.replacen("country,other_frns", "colour,colour", 1).as_bytes()),
            "`colour` twice",
        ),
        refused("a header alone", Answer::csv(first_line.as_bytes()), "no filing"),
        refused("no header", Answer::csv(&text.as_bytes()[first_line.len() + 1..]), "none of the listing's columns"),
        refused("cells swapped", Answer::csv(&with_cells_swapped(world, "frn", "business_name")), "no FRN in `frn`"),
    ]
}

#[tokio::test]
async fn whatever_the_server_answers_the_last_listing_is_served_and_the_next_good_fetch_heals_it() {
    let world = World::new(21, 120);
    let scene = Scene::new(&world, "idle_timeout = \"300ms\"\ntotal_timeout = \"20s\"\nmax_bytes = 8388608\n").await;
    let cases = [statuses(), broken_bodies(&scene.good), no_listings(&world)];
    for bad in cases.into_iter().flatten() {
        let case = bad.case;
        scene.assert_survives(bad).await;
        scene.assert_heals(case).await;
    }
}

#[tokio::test]
async fn redirects_from_https_that_lead_to_http_or_in_a_circle_are_not_followed() {
    let world = World::new(22, 60);
    let server = Server::start_tls(Answer::csv(&world.to_csv())).await;
    let scene = Scene::with_server(&world, "", server).await;
    let to = |location: &str| Answer::response("301 Moved Permanently", &format!("Location: {location}\r\n"), b"");
    let plain = Server::start(Answer::csv(&scene.good)).await;
    let to_http = fails("301 to http", to(&plain.url), "REDIRECT_UNSAFE", "not https");
    scene.assert_survives(to_http).await;
    scene.assert_heals("301 to http").await;
    assert_eq!(plain.requests(), 0, "it was not even asked");
    let before = scene.server.requests();
    let circle = fails("a redirect loop", to("/listing.csv"), "REDIRECT_LOOP", "in a circle");
    scene.assert_survives(circle).await;
    assert!(scene.server.requests() > before + 5);
    scene.assert_heals("a redirect loop").await;
}

#[tokio::test]
async fn a_server_that_is_gone_is_told_apart_and_found_again() {
    let world = World::new(23, 60);
    let mut scene = Scene::new(&world, "").await;
    let address = scene.server.stop().await;
    let sync = scene.daemon.sync().await;
    assert_eq!(sync.outcome(), SyncOutcome::Failed);
    assert!(sync.error.contains("Connection refused"), "{}", sync.error);
    let status = scene.daemon.status().await;
    assert_eq!(status.sources[0].fault.as_ref().expect("why").kind, "UNREACHABLE");
    assert_eq!(status.sources[0].last_contact_at, status.sources[0].last_success_at, "it did not answer");
    scene.server = Server::start_again(&address, Answer::csv(&scene.good)).await;
    scene.assert_served("refused").await;
    scene.assert_heals("refused").await;
}

#[tokio::test]
async fn one_byte_a_second_is_given_up_when_the_time_is_over() {
    let world = World::new(24, 60);
    let scene = Scene::new(&world, "idle_timeout = \"10s\"\ntotal_timeout = \"2s\"\n").await;
    let drip = Answer::Drip(without_length(b"number,"), scene.good.clone(), Duration::from_secs(1));
    scene.assert_survives(fails("a drip", drip, "TOTAL_TIMEOUT", "fetch.total_timeout")).await;
    scene.assert_heals("a drip").await;
}

/// The most memory that a process has ever had, in bytes.
fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
    line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok()).expect("kB") * 1024
}

#[tokio::test]
async fn two_gigabytes_are_stopped_at_the_limit_and_never_in_memory() {
    const LIMIT: u64 = 64 << 20;
    let world = World::new(25, 60);
    let scene = Scene::new(&world, &format!("max_bytes = {LIMIT}\n")).await;
    let before = peak_memory(scene.daemon.pid());
    let announced = Answer::response("200 OK", "Content-Length: 2147483648\r\n", b"");
    scene.assert_survives(fails("2 GB announced", announced, "TOO_LARGE", "fetch.max_bytes")).await;
    scene.assert_heals("2 GB announced").await;
    let streamed = Answer::Zeros(without_length(b""), 2 << 30);
    scene.assert_survives(fails("2 GB streamed", streamed, "TOO_LARGE", "fetch.max_bytes")).await;
    scene.assert_heals("2 GB streamed").await;
    // A megabyte of zeros is a kilobyte; members follow each other.
    let bomb = gzip(&vec![0; 1 << 20]).repeat(2048);
    scene.assert_survives(fails("2 GB in 2 MB", Answer::packed("gzip", &bomb), "TOO_LARGE", "fetch.max_bytes")).await;
    scene.assert_heals("2 GB in 2 MB").await;
    let grown = peak_memory(scene.daemon.pid()) - before;
    assert!(grown < LIMIT / 2, "{grown} bytes more than before");
}

#[tokio::test]
async fn a_field_of_a_hundred_megabytes_is_no_removal_and_never_served() {
    let mut world = World::new(26, 120);
    let scene = Scene::new(&world, "").await;
    let number = world.rows().nth(60).expect("a filing").get("number").to_owned();
    world.row_mut(&number).expect("a filing").set("business_address", "x".repeat(100 << 20));
    let sync = scene.assert_applied("100 MB", &world.to_csv(), Some("ROWS_UNREADABLE")).await;
    assert_eq!((sync.filings, sync.amended), (120, 0));
    let alarms = scene.status().await.alarms;
    assert!(alarms[0].message.contains("104857600 bytes in `business_address`"), "{}", alarms[0].message);
    let answer = ask(&mut scene.daemon.acceptance().await, by_number(&number)).await;
    assert_eq!((answer.reason(), answer.advisories[0].code.as_str()), (Reason::Listed, "FILING_CARRIED"));
    assert_eq!(scene.assert_restored("100 MB").await.amended, 0);
}

#[tokio::test]
async fn odd_listings_that_can_be_read_are_applied_with_what_is_odd_as_an_alarm() {
    let mut world = World::new(27, 120);
    let numbers: Vec<String> = world.rows().map(|row| row.get("number").to_owned()).collect();
    let utf8_name = "Soci\u{e9}t\u{e9} Example";
    world.row_mut(&numbers[7]).expect("a filing").set("business_name", utf8_name);
    let scene = Scene::new(&world, "").await;
    let good = scene.good.clone();
    let text = String::from_utf8(good.clone()).expect("UTF-8");
    let columns: Vec<String> = text.lines().next().expect("a header").split(',').map(str::to_owned).collect();
    let with = |format: CsvFormat| world.to_csv_with(&format);
    let with_columns = |columns: Vec<String>| with(CsvFormat { columns: Some(columns), ..CsvFormat::default() });

    // The same listing in other clothes.
    let mut swapped = columns.clone();
    swapped.swap(1, 2);
    for (case, listing) in [
        ("a byte order mark", with(CsvFormat { bom: true, ..CsvFormat::default() })),
        ("CR alone", with(CsvFormat { line_end: LineEnd::Cr, ..CsvFormat::default() })),
        ("columns swapped", with_columns(swapped)),
        ("a row twice, the same", twice(&text, |row| row.to_owned()).into_bytes()),
    ] {
        assert_eq!(scene.assert_applied(case, &listing, None).await.amended, 0, "{case}");
    }
    scene.server.answer(Answer::ok("text/csv; charset=utf-16", &good));
    scene.assert_restored("other clothes").await;

    let fewer = columns.iter().filter(|name| *name != "contact_title").cloned().collect();
    scene.assert_applied("a column gone", &with_columns(fewer), Some("COLUMN_MISSING")).await;
    scene.assert_restored("a column gone").await;

    let more = [columns.clone(), vec!["favourite_colour".to_owned()]].concat();
    let sync = scene.assert_applied("an unknown column", &with_columns(more), Some("COLUMN_UNKNOWN")).await;
    assert_eq!(sync.amended, 120, "its cells are kept");
    assert_eq!(scene.assert_restored("an unknown column").await.amended, 120);

    let other_twin = twice(&text, |row| row.replacen(",00", ",99", 1));
    let sync = scene.assert_applied("a row twice, not the same", other_twin.as_bytes(), Some("ROWS_UNREADABLE")).await;
    assert_eq!((sync.amended, sync.filings), (0, 120), "the first of them stands");
    scene.assert_restored("a row twice").await;

    let latin_1: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
    let outside = text.lines().filter(|line| !line.is_ascii()).count();
    assert!(outside >= 1 && latin_1 != good);
    let sync = scene.assert_applied("another charset", &latin_1, Some("LISTING_UNUSUAL")).await;
    assert!((1..=outside as u64).contains(&sync.amended), "just the rows with letters that were lost");
    let answer = ask(&mut scene.daemon.acceptance().await, by_number(&numbers[7])).await;
    assert_eq!(answer.filing.expect("one").business_name, "Soci\u{fffd}t\u{fffd} Example");
    assert_eq!(scene.assert_restored("another charset").await.amended, sync.amended);
}

/// The listing with one row in it twice, the second time as this makes it.
fn twice(text: &str, change: impl Fn(&str) -> String) -> String {
    let starts: Vec<usize> = text.match_indices("\nRMD").map(|(at, _)| at + 1).collect();
    let (start, end) = (starts[40], starts[41]);
    format!("{}{}{}", &text[..end], change(&text[start..end]), &text[end..])
}

#[tokio::test]
async fn words_that_are_not_known_are_kept_and_take_nothing_away() {
    let mut world = World::new(28, 120);
    let number = world
        .rows()
        .find(|row| row.get("voice_service_provider_choice") == "Yes" && row.get("gateway_provider_choice") == "Yes")
        .expect("a filing of two roles")
        .get("number")
        .to_owned();
    let scene = Scene::new(&world, "").await;
    let row = world.row_mut(&number).expect("a filing");
    row.set("implementation", "Quantum STIR/SHAKEN Implementation");
    row.set("voice_service_provider_choice", "Perhaps");
    row.set("foreign_voice_provider", "Elsewhere");
    let sync = scene.assert_applied("unknown words", &world.to_csv(), Some("LISTING_UNUSUAL")).await;
    assert_eq!(sync.amended, 1);
    let mut acceptance = scene.daemon.acceptance().await;
    let asked = |role: ProviderRole| CheckProviderRequest { role: role.into(), ..by_number(&number) };
    let gateway = ask(&mut acceptance, asked(ProviderRole::Gateway)).await;
    assert_eq!((gateway.reason(), gateway.advisories.len()), (Reason::Listed, 0));
    let voice = ask(&mut acceptance, asked(ProviderRole::VoiceService)).await;
    assert_eq!(voice.reason(), Reason::Listed);
    assert_eq!(voice.advisories[0].code, "ROLE_BLANK", "as one that does not say");
    assert_eq!(scene.assert_restored("unknown words").await.amended, 1);
}

#[tokio::test]
async fn validators_that_lie_are_found_out_and_not_asked_by_again() {
    let mut world = World::new(29, 60);
    let first = world.to_csv();
    let number = world.rows().next().expect("a filing").get("number").to_owned();
    // Whoever has any tag is told that nothing has changed.
    let liar = |body: Vec<u8>| {
        Answer::by(move |request| match request.header("if-none-match") {
            Some(_) => Answer::response("304 Not Modified", "", b""),
            None => Answer::response("200 OK", "ETag: \"a\"\r\n", &body),
        })
    };
    let server = Server::start(liar(first.clone())).await;
    let scene = Scene::with_server(&world, "recheck_after = \"1h\"\n", server).await;
    world.row_mut(&number).expect("a filing").set("business_name", "Renamed Example");
    let second = world.to_csv();
    scene.server.answer(liar(second.clone()));
    assert_eq!(scene.daemon.sync().await.outcome(), SyncOutcome::Unchanged, "it is believed for an hour");
    assert!(scene.status().await.sources[0].conditional);

    let text = std::fs::read_to_string(&scene.config).expect("read").replace("\"1h\"", "\"1ms\"");
    std::fs::write(&scene.config, text).expect("written");
    scene.daemon.admin().await.reload_config(ReloadConfigRequest {}).await.expect("reloaded");
    let sync = scene.daemon.sync().await;
    assert_eq!((sync.outcome(), sync.amended), (SyncOutcome::Applied, 1), "{}", sync.error);
    let status = scene.status().await;
    let alarm = status.alarms.iter().find(|alarm| alarm.code == "VALIDATORS_LIE").expect("an alarm");
    assert!(alarm.message.contains(&scene.server.url), "{}", alarm.message);
    assert!(!status.sources[0].conditional && status.sources[0].validators_distrusted_until.is_some());
    assert_eq!(scene.daemon.sync().await.outcome(), SyncOutcome::Unchanged);
    assert_eq!(scene.server.seen().last().expect("asked").header("if-none-match"), None);
    scene.assert_served("a lie").await;
}

#[tokio::test]
async fn another_listing_under_the_same_validators_is_applied_at_once() {
    let mut world = World::new(30, 60);
    let number = world.rows().next().expect("a filing").get("number").to_owned();
    let same_tag = |body: &[u8]| Answer::response("200 OK", "ETag: \"same\"\r\n", body);
    let server = Server::start(same_tag(&world.to_csv())).await;
    let scene = Scene::with_server(&world, "", server).await;
    assert_eq!(scene.daemon.sync().await.outcome(), SyncOutcome::Unchanged);
    world.row_mut(&number).expect("a filing").set("business_name", "Renamed Example");
    scene.server.answer(same_tag(&world.to_csv()));
    let sync = scene.daemon.sync().await;
    assert_eq!((sync.outcome(), sync.amended), (SyncOutcome::Applied, 1), "{}", sync.error);
    assert!(scene.status().await.alarms.iter().any(|alarm| alarm.code == "VALIDATORS_LIE"));
    scene.assert_served("the same tag").await;
}
