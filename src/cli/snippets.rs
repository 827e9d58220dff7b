//! `rmdd connect`: what to put into a switch, out of `examples/`, whose tests drive real ones with it.

use anyhow::bail;
use clap::{Args, ValueEnum};

use super::text::{self, say};
use super::{Global, YES, here};
use crate::daemon::config::{Config, Listen, Overrides};

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
    /// What an upstream is known by.
    known_by: &'static str,
    add: &'static str,
}

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
                known_by: "User-Name",
                add: "rmdd peers add TG-Acme-1 FRN --role gateway",
            },
        }
    }
}

/// What stands in the examples.
const EXAMPLE: &str = "127.0.0.1:7634";

impl Connect {
    pub fn run(self, global: &Global) -> anyhow::Result<u8> {
        let loaded = global.settings(Overrides::new())?;
        let (scheme, address) = match self.address {
            Some(address) => ("http", address),
            None => address(&loaded.config)?,
        };
        let snippet = self.switch.snippet();
        let comment = snippet.comment;
        for file in snippet.files {
            say!("{comment} ==== {}", file.goes_to);
            let text = file.text.replace(EXAMPLE, &address);
            let text = if scheme == "http" { text } else { text.replace("http://", "https://") };
            text.trim_end().lines().for_each(|line| say!("{line}"));
            say!();
        }
        say!("{comment} ==== {}", snippet.tried);
        say!(
            "{comment} While rmdd is down, hangs or has no listing yet: a call waits a second at most; one to 911 goes on; any"
        );
        say!(
            "{comment} other gets no verdict, is refused as the comments above say, and a line with NO VERDICT is logged. The place"
        );
        say!("{comment} where that is decided, and how to let such calls go on instead, is marked there.");
        text::aside(format_args!(
            "An upstream is known by {}. Tell rmdd whose calls those are, and ask as the switch will:\n  {}\n  curl -i \
             '{scheme}://{address}/v1/check/peer:NAME?format=text'",
            snippet.known_by, snippet.add
        ));
        Ok(YES)
    }
}

/// Where the daemon of this configuration answers over HTTP.
fn address(config: &Config) -> anyhow::Result<(&'static str, String)> {
    match &config.http.listen {
        Listen::Off => bail!("http.listen is off, and switches ask over HTTP: set it, or name an --address"),
        Listen::Unix(path) => bail!(
            "http.listen is the Unix socket {}, and switches ask at an address and port: set it, or name an --address",
            path.display()
        ),
        Listen::Tcp(address) => {
            let address = here::reached_at(*address);
            Ok((if config.http.tls.is_on() { "https" } else { "http" }, address.to_string()))
        }
    }
}
