//! The page, beside the paths of switches: who may see it, and that it is worked out beside calls.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use futures_util::FutureExt;
use http_body_util::Full;

use super::answer::{Reply, ReplyBody};
use super::problem::{self, ERROR_HEADER, Problem};
use super::{Format, HttpService};
use crate::api::page::{self, Answer, Asked, Failed, Params, Path, Viewer};
use crate::domain::visible::one_line;
use crate::domain::{ErrorReason, Rejection};
use crate::transport::auth::{Denied, Right};
use crate::transport::{Caller, Incoming, Peer, users};

/// Under which names the page is served to who shows nothing.
#[derive(Debug, Clone, Default)]
pub struct Hosts {
    /// Names besides those that are the machine's own (`http.hosts`).
    pub names: Vec<String>,
    /// Whether a certificate has shown the browser that it is where it wanted to be.
    pub is_certain: bool,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        let mut reply = Self::new(ReplyBody::Whole(Full::new(answer.body)));
        *reply.status_mut() = answer.status;
        *reply.headers_mut() = answer.headers;
        reply
    }
}

impl HttpService {
    /// Answers for a path of the page.
    pub(super) async fn page(
        &self,
        path: Path,
        request: Request<Incoming>,
        caller: &Arc<Caller>,
        right: Result<Right, Denied>,
    ) -> Reply {
        let headers = request.headers();
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut reply = Problem::method(request.method(), request.uri()).reply(Format::accepted(headers));
            reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET,HEAD"));
            return reply;
        }
        if let Path::File(file) = path {
            return Answer::file(file).into();
        }
        let right = match right {
            Ok(right) => right,
            Err(denied) => return refused(&denied, headers, caller),
        };
        if path == Path::Overview && page::prefers_json(headers) {
            return Answer::api().into();
        }
        if !self.knows_host(&request, caller) {
            return misdirected(&page::host(headers, request.uri().authority().map(|authority| authority.as_str())));
        }
        if let Some(needed) = path.needs().filter(|needed| right < *needed) {
            let who = known_as(caller, headers).unwrap_or_else(|| caller.peer.to_string());
            return refused(&Denied::RightMissing { who, has: right, needed }, headers, caller);
        }
        if let Err(rejection) = caller.may_ask_for(path.weight()) {
            return failed(rejection);
        }
        let viewer = Viewer { right, known_as: known_as(caller, headers), has_tokens: caller.session.takes_tokens() };
        let params = Params::read(request.uri().query().unwrap_or_default());
        if let Err(rejection) = params.check(&path) {
            return failed(rejection);
        }
        self.made_page(Asked { path, params, viewer }, caller).await
    }

    /// Works a page out in its turn.
    async fn made_page(&self, mut asked: Asked, caller: &Arc<Caller>) -> Reply {
        let (client, budget, services) = (caller.client(), &self.services.budget, Arc::clone(&self.services));
        let user = match &caller.peer {
            Peer::Unix { uid, .. } => *uid,
            _ => None,
        };
        let work = async move {
            // The machine's users may be told by a directory on the network.
            asked.viewer.known_as = asked.viewer.known_as.take().or_else(|| user.and_then(users::ask_once));
            AssertUnwindSafe(page::make(&services, &asked)).catch_unwind().await
        };
        let made = match budget.work.run(&client, ErrorReason::Overloaded, work).await {
            Ok(Ok(made)) => made,
            Ok(Err(panic)) => {
                // It is in the log, with what it said.
                drop(problem::panicked_reply(panic));
                Err(ErrorReason::Internal.reject("this page failed by a fault of rmdd; its log says more"))
            }
            Err(rejection) => Err(rejection),
        };
        let held = made.and_then(|answer| {
            let share = budget.bytes.take(&client, answer.body.len()).map_err(|none| {
                ErrorReason::Overloaded.reject(format!("{none} bytes, by limits.buffer_bytes: ask again in a moment"))
            })?;
            let mut reply = Reply::new(ReplyBody::Whole(Full::new(share.holding(answer.body, &caller.activity))));
            (*reply.status_mut(), *reply.headers_mut()) = (answer.status, answer.headers);
            Ok(reply)
        });
        held.unwrap_or_else(failed)
    }

    /// Whether a page may be shown under the name by which it was asked for. Whoever shows a token or a certificate is known:
    /// no browser sends these for somebody else's name.
    fn knows_host(&self, request: &Request<Incoming>, caller: &Caller) -> bool {
        let authority = request.uri().authority().map(|authority| authority.as_str());
        self.hosts.is_certain
            || caller.session.is_certified()
            || (request.headers().contains_key(header::AUTHORIZATION) && caller.session.token().is_some())
            || page::is_own(&page::host(request.headers(), authority), &self.hosts.names)
    }
}

/// The token by which whoever asks is known.
fn known_as(caller: &Caller, headers: &HeaderMap) -> Option<String> {
    headers.get(header::AUTHORIZATION).and_then(|_| caller.session.token()).map(|name| one_line(&name))
}

/// Whoever asks may not. A browser asks for a token, where one would help and none was shown.
fn refused(denied: &Denied, headers: &HeaderMap, caller: &Caller) -> Reply {
    let shows_none = !headers.contains_key(header::AUTHORIZATION) && caller.session.takes_tokens();
    let (asks, todo) = match denied {
        Denied::RightMissing { .. } if shows_none => {
            (true, "Show the name and the value of a token with that right.".to_owned())
        }
        Denied::RightMissing { .. } => (
            false,
            "A token with that right opens it (access.tokens_file), and so does the daemon's own socket: \
             ssh -L 7634:/run/rmdd/rmdd.sock HOST, then http://localhost:7634/."
                .to_owned(),
        ),
        Denied::TokenMissing | Denied::TokenUnknown => (true, "Show the name and the value of a token.".to_owned()),
        Denied::TooManyTries(_) => (false, "Wait a minute.".to_owned()),
    };
    let rejection = Rejection::from(denied);
    let (mut status, word) = (Problem::status_of(rejection.reason), rejection.reason.as_str());
    if asks {
        status = StatusCode::UNAUTHORIZED;
    }
    let message = rejection.message.clone();
    let mut reply = Reply::from(Answer::failed(&Failed { status, message, todo }));
    reply.headers_mut().insert(ERROR_HEADER, HeaderValue::from_static(word));
    if asks {
        // A browser asks a person by the first.
        for challenge in [problem::BASIC, problem::BEARER] {
            reply.headers_mut().append(header::WWW_AUTHENTICATE, challenge);
        }
    }
    after(rejection.reason, reply)
}

/// Asked for under a name that is not this daemon's.
fn misdirected(host: &str) -> Reply {
    let message = match one_line(host).chars().take(100).collect::<String>() {
        none if none.is_empty() => "The request names no host.".to_owned(),
        host => format!("This daemon does not know itself by the name {host}."),
    };
    let todo = "Ask by its address, or name it in http.hosts. A web site could otherwise give this machine a name of its own, \
                and read the page by the browser of somebody who may."
        .to_owned();
    Answer::failed(&Failed { status: StatusCode::MISDIRECTED_REQUEST, message, todo }).into()
}

/// Why there is no page.
fn failed(rejection: Rejection) -> Reply {
    let (status, word) = (Problem::status_of(rejection.reason), rejection.reason.as_str());
    let todo = match rejection.reason {
        ErrorReason::PeerUnknown | ErrorReason::InvalidPeer => {
            "Search it by name, or by its FRN or RMD number.".to_owned()
        }
        ErrorReason::SnapshotNotLoaded => "The daemon's log, and rmdd status, say what the source answers.".to_owned(),
        _ => String::new(),
    };
    let message = one_line(&rejection.message);
    let mut reply = Reply::from(Answer::failed(&Failed { status, message, todo }));
    reply.headers_mut().insert(ERROR_HEADER, HeaderValue::from_static(word));
    after(rejection.reason, reply)
}

/// Says when to ask again, where that helps.
fn after(reason: ErrorReason, mut reply: Reply) -> Reply {
    if reply.status() == StatusCode::TOO_MANY_REQUESTS {
        reply.headers_mut().insert(header::RETRY_AFTER, Problem::retry_after(reason));
    }
    reply
}
