//! The page, for those who have no terminal: how all is, who of the operator's own peers is in trouble, and how much time is
//! left.
//!
//! ```text
//!  a path ──▶ Path ──▶ a view (domain and service types) ──▶ Table, Plot ──▶ a template ──▶ HTML
//!                                                              └──▶ CSV
//! ```
//!
//! Everything is made here: the templates, the style sheet, the script and the icon are part of the binary, and nothing from
//! elsewhere is asked for. It only reads: there is no session, no cookie, and no form but the search. What third parties wrote
//! (names, addresses) is text and nothing else: templates escape it, [`visible`](crate::domain::visible) takes what turns text
//! around out of it, and the headers forbid a browser whatever is not from here.
//!
//! A page is worked out beside calls, as everything is that looks further than one provider: its maker runs on the threads of
//! [`Budget::work`](crate::transport::budget::Budget).

mod calls;
mod card;
mod changes;
mod frame;
mod listing;
mod overview;
mod own;
mod path;
mod peers;
mod plot;
mod table;
mod text;
mod wording;

use std::sync::Arc;

use askama::Template;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::domain::Rejection;
use crate::service::Services;
use crate::transport::auth::Right;

use frame::Frame;
pub use path::{Params, Path, host};
pub(crate) use path::{is_own, prefers_json};
use table::Table;

/// What a browser may do with an answer: show it, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

/// Who looks at a page.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// What they may see.
    pub right: Right,
    /// By what they showed who they are, in words; nothing where they did not.
    pub known_as: Option<String>,
    /// Whether somebody can be known here by a token.
    pub has_tokens: bool,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What.
    pub path: Path,
    /// How it is narrowed down.
    pub params: Params,
    /// By whom.
    pub viewer: Viewer,
}

/// What goes back.
#[derive(Debug)]
pub struct Answer {
    /// How it went.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// What a page shows, besides what all have in common.
enum View {
    Html(String),
    Csv(Table),
}

/// Why there is no page.
#[derive(Debug)]
pub struct Failed {
    /// The status.
    pub status: StatusCode,
    /// One sentence.
    pub message: String,
    /// What to do.
    pub todo: String,
}

impl Answer {
    fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let fixed = [
            (header::CONTENT_TYPE, content_type),
            (header::CACHE_CONTROL, "no-store"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
        ];
        let mut headers: HeaderMap =
            fixed.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
        headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
        Self { status, headers, body: body.into() }
    }

    fn html(status: StatusCode, html: String) -> Self {
        Self::new(status, "text/html; charset=utf-8", html)
    }

    /// A file that is part of the binary.
    pub fn file(file: path::File) -> Self {
        let (content, content_type) = file.content();
        Self::new(StatusCode::OK, content_type, content)
    }

    /// Names the API, for a client that asks for JSON.
    pub fn api() -> Self {
        #[derive(Serialize)]
        struct Api {
            name: &'static str,
            version: &'static str,
            openapi: &'static str,
            pages: [&'static str; 6],
        }
        let api = Api {
            name: "rmdd",
            version: env!("CARGO_PKG_VERSION"),
            openapi: "/openapi.json",
            pages: ["/", "/peers", "/provider/{who}", "/removals", "/changes", "/search"],
        };
        let mut json = serde_json::to_string(&api).unwrap_or_default();
        json.push('\n');
        Self::new(StatusCode::OK, "application/json", json)
    }

    /// Why there is no page, on a page.
    pub fn failed(failed: &Failed) -> Self {
        let page = FailedPage { frame: Frame::bare("No page"), failed };
        match page.render() {
            Ok(html) => Self::html(failed.status, html),
            Err(_) => Self::new(failed.status, "text/plain; charset=utf-8", failed.message.clone()),
        }
    }
}

#[derive(Template)]
#[template(path = "failed.html")]
struct FailedPage<'a> {
    frame: Frame,
    failed: &'a Failed,
}

/// Makes a page. Runs where the store may be read.
///
/// # Errors
///
/// If what is asked about is not known, or no listing is loaded.
pub async fn make(services: &Arc<Services>, asked: &Asked) -> Result<Answer, Rejection> {
    let view = match &asked.path {
        Path::Overview => overview::view(services, asked).await?,
        Path::Peers => peers::view(services, asked)?,
        Path::Provider(who) => card::view(services, asked, who).await?,
        Path::Removals => listing::removals(services, asked)?,
        Path::Changes => changes::view(services, asked).await?,
        Path::Search => listing::search(services, asked).await?,
        Path::File(file) => return Ok(Answer::file(*file)),
    };
    Ok(match view {
        View::Html(html) => Answer::html(StatusCode::OK, html),
        View::Csv(table) => {
            let mut answer = Answer::new(StatusCode::OK, "text/csv; charset=utf-8; header=present", table.to_csv());
            let name = format!("attachment; filename=\"rmdd-{}.csv\"", table.name);
            if let Ok(name) = HeaderValue::from_str(&name) {
                answer.headers.insert(header::CONTENT_DISPOSITION, name);
            }
            answer
        }
    })
}

impl View {
    /// A page, or the table of it that is asked for in CSV: the first, where none is named.
    fn of<T: Template>(asked: &Asked, page: &T, tables: &[&Table]) -> Result<Self, Rejection> {
        if asked.params.is_csv() {
            let named = asked.params.get("table");
            let found = tables.iter().find(|table| named.is_none_or(|named| table.name == named));
            return found.map(|table| Self::Csv((*table).clone())).ok_or_else(|| {
                let names: Vec<&str> = tables.iter().map(|table| table.name).collect();
                crate::domain::ErrorReason::UnknownValue.reject(format!("table: it is one of {}", names.join(", ")))
            });
        }
        page.render().map(Self::Html).map_err(|error| crate::domain::ErrorReason::Internal.reject(error.to_string()))
    }
}
