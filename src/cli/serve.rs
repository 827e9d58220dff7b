//! `rmdd serve`

use clap::Args;

use super::{Global, NO, YES, source_flags, words};
use crate::daemon::{self, example};
use crate::observe::logging;

#[derive(Debug, Args)]
pub struct Serve {
    /// Where the listing is published: an http(s) address or the path of a CSV file [default: the FCC's download].
    /// Given several times: in order of preference.
    #[arg(long, value_name = "URL|PATH")]
    source: Vec<String>,
    /// Serve a made-up listing to play with, of which a filing was removed, with some upstreams that have names; its store is
    /// in ~/.local/state/rmdd-example, unless --state-dir names another place.
    #[arg(long, conflicts_with = "source")]
    example: bool,
    /// Where questions are answered over gRPC: ADDRESS:PORT (port 0 takes a free one), unix:PATH, or off [default:
    /// 127.0.0.1:7633]. The Unix socket is always served besides.
    #[arg(long, value_name = "ADDR")]
    grpc_listen: Option<String>,
    /// Where questions are answered over HTTP, for switches that speak no gRPC and for monitoring: ADDRESS:PORT,
    /// unix:PATH, or off [default: 127.0.0.1:7634].
    #[arg(long, value_name = "ADDR")]
    http_listen: Option<String>,
    /// Where else the administration is served, beside the Unix socket: ADDRESS:PORT, unix:PATH, or off. On an address and
    /// port it is for those with a token or certificate that gives the right [default: off].
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<String>,
    /// When to ask the source, as a cron expression in UTC [default: hourly, at this installation's own minute].
    #[arg(long, value_name = "CRON")]
    schedule: Option<String>,
    /// If the store is damaged, keep it aside (rmdd.redb.damaged-TIME), and begin again from the archive and, for operators'
    /// records, the journal and what can be read of the store. A good store is left alone.
    #[arg(long)]
    rebuild: bool,
    /// The least severity that is logged: error, warn, info, debug or trace [default: info].
    #[arg(long, value_name = "LEVEL", value_parser = words::text_like(words::LOG_LEVELS), hide_possible_values = true)]
    log_level: Option<String>,
}

impl Serve {
    pub async fn run(self, global: &Global, socket_activation: daemon::ActivatedSockets) -> anyhow::Result<u8> {
        let mut flags = source_flags(&self.source);
        for (name, value) in [
            ("grpc.listen", self.grpc_listen),
            ("http.listen", self.http_listen),
            ("admin.listen", self.admin_listen),
            ("schedule.cron", self.schedule),
            ("log.level", self.log_level),
        ] {
            if let Some(value) = value {
                flags.insert(name, value);
            }
        }
        if self.example {
            let state_dir = match &global.state_dir {
                Some(directory) => directory.clone(),
                None => example::default_directory().map_err(|error| anyhow::anyhow!(error))?,
            };
            let source = example::prepare(&state_dir)?;
            flags.extend([
                ("state_dir", state_dir.display().to_string()),
                ("source", source.display().to_string()),
                // Its dates stay what they are.
                ("freshness.content_warn_after", "0s".to_owned()),
            ]);
        }
        let flags = global.with_flags(flags);
        let loaded = global.load(flags.clone())?;
        logging::init(&loaded.config.log).map_err(|error| anyhow::anyhow!(error))?;
        let reload_from = daemon::ReloadFrom { file: global.config.clone(), flags };
        match daemon::run(loaded, reload_from, self.rebuild, socket_activation).await {
            Ok(()) => Ok(YES),
            // Once, and where everything else is said: on the terminal, in the journal, or as JSON.
            Err(error) if tracing::enabled!(tracing::Level::ERROR) => {
                tracing::error!(%error, "the daemon stopped: {error}");
                Ok(NO)
            }
            Err(error) => Err(error.into()),
        }
    }
}
