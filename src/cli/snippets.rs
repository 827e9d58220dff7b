//! `rmdd connect`: what to put into a switch, out of `examples/`, whose tests drive real ones with it.

use anyhow::{anyhow, bail};
use clap::{Args, ValueEnum};

use super::target::{Access, Target};
use super::text::{self, whole};
use super::{Global, YES, here};
use crate::api::grpc::v1::GetStatusRequest;
use crate::daemon::config::{Config, Listen, Loaded, Overrides};

/// The switches that there is something for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    Kamailio,
    Opensips,
    Asterisk,
    Freeswitch,
    Freeradius,
}

#[derive(Debug, Args)]
pub struct Connect {
    /// The switch.
    #[arg(value_name = "SWITCH")]
    switch: Switch,
    /// Where the switch finds rmdd over HTTP: HOST:PORT, where it is on another machine [default: http.listen of the
    /// configuration].
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
}

/// A file of a switch.
struct File {
    /// Where it goes.
    goes_to: &'static str,
    text: &'static str,
}

/// What is told of a switch.
struct Snippet {
    files: &'static [File],
    /// What a comment begins with.
    comment: &'static str,
    /// How it was tried.
    tried: &'static str,
    /// What is to be known of it where a token is needed.
    with_token: &'static str,
    /// What an upstream is known by.
    known_by: &'static str,
    add: &'static str,
}

const UNTRIED: &str = "; without a token";
const BY_ADDRESS: &str = "the address that a call comes from";
const ADD_ADDRESS: &str = "rmdd peers add 192.0.2.7 FRN --kind ip --role gateway";

impl Switch {
    fn snippet(self) -> Snippet {
        match self {
            Self::Kamailio => Snippet {
                files: &[File {
                    goes_to: "/etc/kamailio/rmdd.cfg, and include_file \"rmdd.cfg\" in kamailio.cfg",
                    text: include_str!("../../examples/kamailio/rmdd.cfg"),
                }],
                comment: "#",
                tried: "tested with SIPp and Kamailio 5.6 on every change of rmdd",
                with_token: ", with a token too",
                known_by: BY_ADDRESS,
                add: ADD_ADDRESS,
            },
            Self::Opensips => Snippet {
                files: &[File {
                    goes_to: "/etc/opensips/rmdd.cfg, and include_file \"rmdd.cfg\" in opensips.cfg",
                    text: include_str!("../../examples/opensips/rmdd.cfg"),
                }],
                comment: "#",
                tried: "NOT tested with a real OpenSIPS, for want of a package; read against its sources",
                with_token: UNTRIED,
                known_by: BY_ADDRESS,
                add: ADD_ADDRESS,
            },
            Self::Asterisk => Snippet {
                files: &[File {
                    goes_to: "/etc/asterisk/rmdd.conf, and #include rmdd.conf in extensions.conf",
                    text: include_str!("../../examples/asterisk/extensions.conf"),
                }],
                comment: ";",
                tried: "tested with SIPp and Asterisk 22",
                with_token: UNTRIED,
                known_by: "the name of its endpoint in pjsip.conf",
                add: "rmdd peers add acme-1 FRN --role gateway",
            },
            Self::Freeswitch => Snippet {
                files: &[File {
                    goes_to: "/usr/share/freeswitch/scripts/rmdd.lua",
                    text: include_str!("../../examples/freeswitch/rmdd.lua"),
                }],
                comment: "--",
                tried: "NOT tested with a real FreeSWITCH, for want of a package; with Lua 5.4 and stand-ins",
                with_token: UNTRIED,
                known_by: BY_ADDRESS,
                add: ADD_ADDRESS,
            },
            Self::Freeradius => Snippet {
                files: &[
                    File {
                        goes_to: "/etc/freeradius/3.0/mods-enabled/rmdd-rest",
                        text: include_str!("../../examples/freeradius/rmdd-rest"),
                    },
                    File {
                        goes_to: "/etc/freeradius/3.0/policy.d/rmdd-policy, and rmdd first in authorize of your site",
                        text: include_str!("../../examples/freeradius/rmdd-policy"),
                    },
                ],
                comment: "#",
                tried: "tested with radclient and FreeRADIUS 3.2 on every change of rmdd",
                with_token: ", with a token too",
                known_by: "User-Name",
                add: "rmdd peers add TG-Acme-1 FRN --role gateway",
            },
        }
    }
}

/// What stands in the examples.
const EXAMPLE: &str = "127.0.0.1:7634";

impl Connect {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let loaded = global.settings(Overrides::new())?;
        let (scheme, address) = match self.address {
            Some(address) => ("http", address),
            None => match address(&loaded.config)? {
                (_, Listens::Somewhere) => running(global, &loaded).await?,
                (scheme, Listens::At(address)) => (scheme, address),
            },
        };
        let needs_token = loaded.config.access.require;
        let snippet = self.switch.snippet();
        let comment = snippet.comment;
        for file in snippet.files {
            // Nothing here is folded on a terminal: it is copied from there, and a line in two is none of a switch's.
            whole!("{comment} ==== {}", file.goes_to);
            if needs_token && file.text.contains(EXAMPLE) {
                NEEDS_TOKEN.iter().for_each(|line| whole!("{comment} {line}"));
            }
            let text = if needs_token { with_token(file.text) } else { file.text.to_owned() };
            let text = text.replace(EXAMPLE, &address);
            let text = if scheme == "http" { text } else { text.replace("http://", "https://") };
            text.trim_end().lines().for_each(|line| whole!("{line}"));
            whole!();
        }
        whole!("{comment} ==== {}{}", snippet.tried, if needs_token { snippet.with_token } else { "" });
        whole!(
            "{comment} While rmdd is down, hangs or has no listing yet: a call waits a second at most; one to 911 goes on; any"
        );
        whole!(
            "{comment} other gets no verdict, is refused as the comments above say, and a line with NO VERDICT is logged. The place"
        );
        whole!("{comment} where that is decided, and how to let such calls go on instead, is marked there.");
        beside(&snippet, &format!("{scheme}://{address}"), needs_token.then_some(&loaded));
        Ok(YES)
    }
}

/// What a snippet says of the token that it shows.
const NEEDS_TOKEN: [&str; 3] = [
    "rmdd wants a token with every question (access.require). Write the name of its entry in access.tokens_file for NAME and",
    "the token for TOKEN, and let only the switch read this file. Without it each question is answered 401, and every call but",
    "those to 911 is refused.",
];

/// Says beside a snippet what else is to be done, for a token too where questions need one by these settings.
fn beside(snippet: &Snippet, url: &str, needs_token: Option<&Loaded>) {
    text::aside(format_args!(
        "An upstream is known by {}. Tell rmdd whose calls those are, and ask as the switch will:",
        snippet.known_by
    ));
    text::aside_whole(format_args!("  {}", snippet.add));
    let user = if needs_token.is_some() { "-u NAME:TOKEN " } else { "" };
    text::aside_whole(format_args!("  curl -i {user}'{url}/v1/check/peer:NAME?format=text'"));
    if let Some(loaded) = needs_token {
        let file = loaded.config.access.tokens_file.as_ref();
        text::aside(format_args!(
            "Every question needs a token here (access.require): make one for the switch, with the right query, in {} \
             (docs/security.md), and write its name and itself for NAME:TOKEN.",
            file.map_or_else(|| "access.tokens_file".to_owned(), |path| path.display().to_string())
        ));
    }
}

/// An example that shows a token by HTTP Basic: in the address, as curl and what is built on it have it, or by the settings
/// that FreeRADIUS has for it.
fn with_token(example: &str) -> String {
    const RADIUS: &str = "\t\tmethod = 'get'\n";
    if example.contains(RADIUS) {
        let shown = format!("{RADIUS}\t\tauth = 'basic'\n\t\tusername = 'NAME'\n\t\tpassword = 'TOKEN'\n");
        return example.replace(RADIUS, &shown);
    }
    example.replace(EXAMPLE, &format!("NAME:TOKEN@{EXAMPLE}"))
}

/// Where a listener is.
enum Listens {
    At(String),
    /// At a port that was free when the daemon was started.
    Somewhere,
}

/// Where the daemon that runs answers over HTTP.
async fn running(global: &Global, loaded: &Loaded) -> anyhow::Result<(&'static str, String)> {
    const UNKNOWN: &str = "http.listen has port 0, which takes one that is free at each start, and no daemon tells which: \
                           set a port, so that the switch finds it after a restart too, or name an --address";
    let Some(daemon) = Target::find_daemon(global, loaded, Access::Read).await? else { bail!(UNKNOWN) };
    let status = daemon.get_status(GetStatusRequest {}).await.map_err(|error| anyhow!("{UNKNOWN} ({error})"))?;
    let Some((scheme, address)) = status.http_url.split_once("://") else { bail!(UNKNOWN) };
    text::aside(format_args!(
        "{} http.listen has port 0: this is the port of the daemon that runs, and of no other start. Set one.",
        text::doubtful("NOTE:")
    ));
    Ok((if scheme == "https" { "https" } else { "http" }, address.to_owned()))
}

/// Where the daemon of this configuration answers over HTTP.
fn address(config: &Config) -> anyhow::Result<(&'static str, Listens)> {
    match &config.http.listen {
        Listen::Off => bail!("http.listen is off, and switches ask over HTTP: set it, or name an --address"),
        Listen::Unix(path) => bail!(
            "http.listen is the Unix socket {}, and switches ask at an address and port: set it, or name an --address",
            path.display()
        ),
        Listen::Tcp(address) => {
            let address = here::reached_at(*address);
            let listens = if address.port() == 0 { Listens::Somewhere } else { Listens::At(address.to_string()) };
            Ok((if config.http.tls.is_on() { "https" } else { "http" }, listens))
        }
    }
}
