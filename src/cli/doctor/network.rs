//! What is beyond this machine: the sources, the way there, the time there; and who from there reaches the listeners.

use std::path::Path;

use jiff::SignedDuration;

use super::{Case, Report, text};
use crate::daemon::config::Listen;
use crate::listing::parse;
use crate::sync::fetch::{self, FetchError, Source};

/// A clock that is off by more is worth a word: the FCC's deadlines are of minutes, those of certificates too.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

pub async fn examine(case: &Case<'_>, offline: bool, report: &mut Report) {
    let config = &case.loaded.config;
    let (first, others) = match config.sources() {
        Ok(sources) => sources,
        Err(error) => {
            report.broken("source", error);
            return;
        }
    };
    let mut clock = None;
    for source in std::iter::once(&first).chain(&others) {
        match source {
            Source::File(path) => match read(path, config.fetch.max_bytes) {
                Ok(filings) => {
                    let filings = text::count_of(filings as u64, "filing");
                    report.good("source", format!("{} can be read: {filings}", path.display()));
                }
                Err(error) => report.broken("source", error),
            },
            Source::Url(_) if offline => report.not_examined("source", format!("{source} is not asked (--offline)")),
            Source::Url(_) => clock = ask(case, source, report).await.or(clock),
        }
    }
    if first == others.last().cloned().unwrap_or_else(|| first.clone()) && matches!(first, Source::File(_)) {
        report.not_examined("clock", "the source is a file, and has no time of its own");
        return;
    }
    match clock {
        None => report.not_examined("clock", "no source told what time it is"),
        Some(skew) if skew.abs() > SKEW => {
            let (by, which) = (text::span(skew.abs()), if skew.is_negative() { "ahead of" } else { "behind" });
            report.look("clock", format!("this machine's is {by} {which} the source's: timedatectl set-ntp true"));
        }
        Some(skew) => report.good("clock", format!("as the source's, within {} s", skew.abs().as_secs().max(1))),
    }
}

/// How many filings a file holds, or why it is no listing.
fn read(path: &Path, most: u64) -> Result<usize, String> {
    let unread = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let found = std::fs::metadata(path).map_err(unread)?;
    if !found.is_file() {
        return Err(FetchError::NotAFile { path: path.to_owned() }.to_string());
    }
    if found.len() > most {
        return Err(FetchError::TooLarge { limit: most }.to_string());
    }
    let bytes = std::fs::read(path).map_err(unread)?;
    match parse::parse(&bytes) {
        Ok(listing) if listing.filings.is_empty() => Err(format!("{} holds no filing", path.display())),
        Ok(listing) => Ok(listing.filings.len()),
        Err(error) => Err(format!("{} holds no listing: {error}", path.display())),
    }
}

/// One source: its name, the way, and what it says.
async fn ask(case: &Case<'_>, source: &Source, report: &mut Report) -> Option<SignedDuration> {
    let config = &case.loaded.config.fetch;
    let proxy = fetch::proxy(config);
    match (&proxy, fetch::addresses(source).await) {
        // Its name is the proxy's business.
        (Some(proxy), _) => match fetch::reach_proxy(config).await {
            Some(Err(error)) => {
                report.broken(
                    "proxy",
                    format!("{proxy} takes no connection ({error}): see fetch.proxy, and whether it runs"),
                );
                report.not_examined("source", format!("{source} is asked by way of that proxy alone"));
                return None;
            }
            _ => report.good("proxy", proxy.clone()),
        },
        (None, Ok(Some((host, addresses)))) => {
            let shown: Vec<String> = addresses.iter().take(2).map(ToString::to_string).collect();
            report.good("DNS", format!("{host} is {}", shown.join(", ")));
        }
        (None, Ok(None)) => {}
        (None, Err(error)) => {
            let address = source.to_string();
            let host = address.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or(&address);
            report.broken("DNS", format!("{host} has no address ({error}): see /etc/resolv.conf, or set fetch.proxy"));
            return None;
        }
    }
    match fetch::reach(source, config).await {
        Ok(reached) => {
            match reached.as_ref().and_then(|reached| reached.beginning.as_deref()).map(parse::check_beginning) {
                Some(Err(error)) => report.broken("source", format!("{source} answers, with no listing: {error}")),
                Some(Ok(())) => report.good("source", format!("{source} answers, with a listing")),
                None => report.good("source", format!("{source} answers")),
            }
            reached.and_then(|reached| reached.clock_skew)
        }
        Err(error) => {
            report.broken("source", error.to_string());
            None
        }
    }
}

/// Who reaches the listeners.
pub fn listeners(case: &Case<'_>, report: &mut Report) {
    const ABOUT: &str = "listeners";
    let config = &case.loaded.config;
    for warning in config.warnings() {
        report.look(ABOUT, warning);
    }
    if !report.complains_of(ABOUT) {
        let all = [&config.grpc.listen, &config.http.listen, &config.admin.listen];
        let outside = all.into_iter().filter(|listen| matches!(listen, Listen::Tcp(at) if !at.ip().is_loopback()));
        let outside: Vec<String> = outside.map(ToString::to_string).collect();
        report.good(
            ABOUT,
            match outside.as_slice() {
                [] => "none is reached from outside this machine".to_owned(),
                some => format!("reached from outside, over TLS: {}", some.join(", ")),
            },
        );
    }
}
