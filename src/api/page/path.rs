//! What may be asked for, and of whom.

use std::borrow::Cow;
use std::net::IpAddr;

use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;

use super::text::shown;
use crate::api::{weights, yes_no};
use crate::domain::{ErrorReason, Rejection};
use crate::transport::auth::Right;

/// What stands before the name of a provider.
const PROVIDER: &str = "/provider/";

/// Something that the page has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Path {
    /// `/`: how all is.
    Overview,
    /// `/peers`: how every peer stands.
    Peers,
    /// `/provider/{who}`: the card of a provider, by any of its names.
    Provider(String),
    /// `/removals`: what was removed.
    Removals,
    /// `/changes`: what changed.
    Changes,
    /// `/search`: filings by name.
    Search,
    /// A file that is part of the binary.
    File(File),
}

/// A file that is part of the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// How it looks.
    Style,
    /// What it does where scripts run: refresh, sort, copy.
    Script,
    Icon,
}

impl File {
    /// Its bytes and their type.
    pub fn content(self) -> (&'static str, &'static str) {
        match self {
            Self::Style => (include_str!("files/page.css"), "text/css; charset=utf-8"),
            Self::Script => (include_str!("files/page.js"), "text/javascript; charset=utf-8"),
            Self::Icon => (include_str!("files/icon.svg"), "image/svg+xml"),
        }
    }
}

impl Path {
    /// What a path names, if it is the page's.
    pub fn read(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::Overview,
            "/peers" => Self::Peers,
            "/removals" => Self::Removals,
            "/changes" => Self::Changes,
            "/search" => Self::Search,
            "/page.css" => Self::File(File::Style),
            "/page.js" => Self::File(File::Script),
            "/icon.svg" => Self::File(File::Icon),
            _ => {
                let named = path.strip_prefix(PROVIDER).filter(|named| !named.is_empty())?;
                // What is no UTF-8 names nobody, and is told so.
                Self::Provider(percent_decode_str(named).decode_utf8_lossy().into_owned())
            }
        })
    }

    /// The right that it needs; none for the files, which are everybody's.
    pub fn needs(&self) -> Option<Right> {
        match self {
            Self::Peers => Some(Right::Operator),
            Self::File(_) => None,
            _ => Some(Right::Query),
        }
    }

    /// What it weighs in the rate limit.
    pub fn weight(&self) -> usize {
        match self {
            Self::File(_) => 1,
            Self::Provider(_) => weights::PROVIDER,
            _ => weights::LOOK_UP,
        }
    }
}

/// A parameter and the words that it may be; none where it is read by what it is for.
type Parameter = (&'static str, &'static [&'static str]);

const FORMAT: Parameter = ("format", &["csv", "html"]);
const TABLE: Parameter = ("table", &[]);

impl Path {
    /// The parameters that it has.
    fn takes(&self) -> &'static [Parameter] {
        match self {
            Self::Overview | Self::Provider(_) => &[FORMAT, TABLE],
            Self::Peers => const { &[("state", &["refused", "unmatched", "attention", "accepted"]), FORMAT, TABLE] },
            Self::Removals => {
                const { &[("since", &[]), ("until", &[]), ("reinstated", &yes_no::EITHER), ("page", &[]), FORMAT, TABLE] }
            }
            Self::Changes => {
                const {
                    &[
                        ("kind", &["listed", "amended", "removed", "reinstated"]),
                        ("day", &[]),
                        ("before", &[]),
                        FORMAT,
                        TABLE,
                    ]
                }
            }
            Self::Search => const { &[("q", &[]), FORMAT, TABLE] },
            Self::File(_) => &[],
        }
    }
}

/// The parameters of a request. One without a value is as good as none.
#[derive(Debug, Clone, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Those of a query string.
    pub fn read(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// Refuses what a path does not have, and words that are none: whoever misspells one must not take all for a part.
    ///
    /// # Errors
    ///
    /// Names the parameter and what it may be.
    pub fn check(&self, path: &Path) -> Result<(), Rejection> {
        let refuse = |message: String| Err(ErrorReason::UnknownValue.reject(message));
        let takes = path.takes();
        for (name, _) in &self.0 {
            let Some((_, words)) = takes.iter().find(|(known, _)| known == name) else {
                let known: Vec<&str> = takes.iter().map(|(known, _)| *known).collect();
                return refuse(format!(
                    "{:?} is no parameter of this page, which has {}",
                    shown(name),
                    known.join(", ")
                ));
            };
            let value = self.get(name).unwrap_or_default();
            if !value.is_empty() && !words.is_empty() && !words.iter().any(|word| value.eq_ignore_ascii_case(word)) {
                return refuse(format!("{name}: {:?} is none of {}", shown(value), words.join(", ")));
            }
        }
        Ok(())
    }

    /// Whether a table is asked for as a file.
    pub fn is_csv(&self) -> bool {
        self.get("format").is_some_and(|format| format.eq_ignore_ascii_case("csv"))
    }

    /// Whether one is on.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name).is_some_and(yes_no::is_yes)
    }

    /// The value of one, if it has one.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(of, _)| of == name);
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// These of them again, for a link.
    pub fn again(&self, names: &[&str]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for name in names {
            if let Some(value) = self.get(name) {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }
}

/// Whether a client that asks for the root would rather have JSON than a page.
pub(crate) fn prefers_json(headers: &HeaderMap) -> bool {
    let (mut html, mut json) = (0.0f32, 0.0);
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    for range in accepts.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        let quality = parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse().ok()).unwrap_or(1.0f32);
        match media.as_str() {
            "text/html" | "application/xhtml+xml" => html = html.max(quality),
            "application/json" => json = quality,
            _ => {}
        }
    }
    json > html
}

/// The name under which a request reached the daemon, without the port.
pub fn host<'a>(headers: &'a HeaderMap, authority: Option<&'a str>) -> Cow<'a, str> {
    let named = authority.or_else(|| headers.get(header::HOST).and_then(|host| host.to_str().ok())).unwrap_or_default();
    let host = match named.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => named.rsplit_once(':').map_or(named, |(host, _)| host),
    };
    host.trim_end_matches('.').to_ascii_lowercase().into()
}

/// Whether a name is one that only this machine's operators give it: an address, `localhost`, the machine's own name, or one
/// of `http.hosts`. A web site may point a name of its own here, and have a browser of this network ask for it; under any of
/// these it cannot.
pub(crate) fn is_own(host: &str, hosts: &[String]) -> bool {
    let own = || nix::sys::utsname::uname().ok().is_some_and(|of| of.nodename().eq_ignore_ascii_case(host));
    host.parse::<IpAddr>().is_ok()
        || host == "localhost"
        || host.ends_with(".localhost")
        || hosts.iter().any(|known| known.trim_end_matches('.').eq_ignore_ascii_case(host))
        || own()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().expect("a value"))])
    }

    #[test]
    fn a_browser_gets_the_page_and_who_asks_for_json_gets_json() {
        let prefers = |accept: &str| prefers_json(&headers(header::ACCEPT, accept));
        assert!(!prefers("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8") && !prefers("*/*"));
        assert!(prefers("application/json") && prefers("application/json, text/html;q=0.5"));
        assert!(!prefers("text/html, application/json;q=0.9") && !prefers_json(&HeaderMap::new()));
    }

    #[test]
    fn the_names_of_this_machine_are_its_addresses_localhost_and_those_that_are_set() {
        let of = |value: &str| host(&headers(header::HOST, value), None).into_owned();
        assert_eq!(
            (of("[::1]:7634"), of("Localhost:80"), of("10.0.0.1")),
            ("::1".into(), "localhost".into(), "10.0.0.1".into())
        );
        let hosts = ["rmd1.example.net".to_owned()];
        for own in ["127.0.0.1:7634", "[fd00::1]", "localhost:7634", "RMD1.example.net.:1", "noc.localhost"] {
            assert!(is_own(&of(own), &hosts), "{own}");
        }
        for foreign in ["evil.example", "rmd1.example.net.evil.example", "127.0.0.1.evil.example", "", "localhost.evil"]
        {
            assert!(!is_own(&of(foreign), &hosts), "{foreign}");
        }
    }

    #[test]
    fn what_a_page_does_not_know_is_refused_with_what_it_does() {
        let check = |path: &str, query: &str| {
            let path = Path::read(path).expect("a path");
            Params::read(query).check(&path).map_err(|refused| refused.message)
        };
        for query in ["", "kind=removed", "kind=Removed&format=CSV", "kind=&day=", "table=changes&format=html"] {
            assert_eq!(check("/changes", query), Ok(()), "{query}");
        }
        let states = "none of refused, unmatched, attention, accepted";
        for (path, query, said) in [
            ("/changes", "kind=zzz", "kind: \"zzz\" is none of listed"),
            ("/changes", "format=xml", "format: \"xml\" is none of csv, html"),
            ("/changes", "bogus=1", "no parameter of this page, which has kind, day, before, format, table"),
            ("/peers", "state=zzz", states),
            ("/removals", "reinstated=maybe", "none of true, false"),
        ] {
            assert!(check(path, query).is_err_and(|message| message.contains(said)), "{path} {query}");
        }
    }

    #[test]
    fn a_name_in_a_path_is_read_as_it_was_meant_and_no_way_up() {
        assert_eq!(Path::read("/provider/West%207%2F8"), Some(Path::Provider("West 7/8".to_owned())));
        assert_eq!(Path::read("/provider/..%2f"), Some(Path::Provider("../".to_owned())));
        assert_eq!((Path::read("/provider/"), Path::read("/peers/"), Path::read("/v1/removals")), (None, None, None));
    }
}
