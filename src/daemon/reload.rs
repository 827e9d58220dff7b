//! A reload: the configuration is read and checked whole, and what can change without a restart changes.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::tls::{self, ListenersTls};
use super::{ReloadFrom, sync_settings, systemd};
use crate::alerts::{Alerts, InForce};
use crate::daemon::config::{self, AdminConfig, Config, GrpcConfig, HttpConfig};
use crate::decide::Policy;
use crate::decide::own::MeConfig;
use crate::domain::SyncTrigger;
use crate::observe::Observer;
use crate::observe::clock;
use crate::observe::decision_log::DecisionLogConfig;
use crate::service::{DiskConfig, FreshnessConfig, RefusedReload, ReloadResult, Reloaded};
use crate::sync::SyncHandle;
use crate::sync::fetch;
use crate::sync::schedule::Schedule;
use crate::transport::auth::Access;

/// Settings that are read once, at the start.
const NEEDS_RESTART: [&str; 10] = [
    "state_dir",
    "shutdown_grace",
    "grpc.",
    "http.",
    "limits.",
    "log.",
    "decision_log.queue",
    "admin.listen",
    "admin.socket.",
    "admin.tls.",
];

fn named(settings: &[String]) -> String {
    if settings.is_empty() { "nothing".to_owned() } else { settings.join(", ") }
}

/// What a reload reaches.
pub struct Reloader {
    pub from: ReloadFrom,
    pub schedule_minute: u8,
    pub sync: SyncHandle,
    pub schedule: watch::Sender<Arc<Schedule>>,
    pub freshness: Arc<ArcSwap<FreshnessConfig>>,
    pub policy: Arc<ArcSwap<Policy>>,
    pub disk: Arc<ArcSwap<DiskConfig>>,
    pub alerts: Arc<Alerts>,
    pub me: Arc<ArcSwap<MeConfig>>,
    pub observer: Arc<Observer>,
    pub tls: ListenersTls,
    pub access: Arc<Access>,
    /// Where it is told whether the last one was refused.
    pub refused: watch::Sender<Option<RefusedReload>>,
}

impl Reloader {
    /// Puts the configuration as it is now in force. If it cannot be used, nothing changes.
    pub fn reload(&self, current: &mut Config) -> ReloadResult {
        systemd::reloading();
        let result = self.apply(current);
        let refused = result.as_ref().err().map(|error| RefusedReload { at: clock::now(), error: error.clone() });
        self.refused.send_replace(refused);
        match &result {
            Ok(Reloaded { applied, needs_restart }) => {
                tracing::info!(?applied, "the configuration was reloaded; changed and in force: {}", named(applied));
                if !needs_restart.is_empty() {
                    tracing::warn!(
                        ?needs_restart,
                        "changed, but in force only after a restart: {}",
                        named(needs_restart)
                    );
                }
            }
            Err(error) => {
                tracing::error!(error, "the configuration was not reloaded and the one in force stays: {error}")
            }
        }
        systemd::ready();
        result
    }

    fn apply(&self, current: &mut Config) -> ReloadResult {
        let next = config::load(self.from.file.as_deref(), config::environment(), &self.from.flags)
            .map_err(|error| error.to_string())?
            .config;
        let settings = sync_settings(&next)?;
        fetch::check_client(&next.fetch).map_err(|error| error.to_string())?;
        let schedule =
            Schedule::from_config(&next.schedule, self.schedule_minute).map_err(|error| error.to_string())?;

        let rules = tls::rules(&next).map_err(|error| error.to_string())?;
        let channels = InForce::load(&next.alerts)?;
        let renewal = self.tls.prepare(&next).map_err(|error| error.to_string())?;

        let (before, after) = (current.settings(), next.settings());
        let changed = before.keys().chain(after.keys()).filter(|name| before.get(*name) != after.get(*name));
        let mut reloaded = Reloaded::default();
        for name in changed {
            let waits = NEEDS_RESTART.iter().any(|start| name.starts_with(start)) && !renewal.takes(name);
            let list = if waits { &mut reloaded.needs_restart } else { &mut reloaded.applied };
            if !list.contains(name) {
                list.push(name.clone());
            }
        }

        let sources = |config: &Config| (config.source.clone(), config.fallback_sources.clone());
        let another_source = sources(current) != sources(&next);
        self.sync.set_settings(settings);
        self.freshness.store(Arc::new(next.freshness.clone()));
        self.policy.store(Arc::new(next.policy()));
        self.disk.store(Arc::new(next.disk.clone()));
        // Of channels only what may be shown was compared above.
        let shown = reloaded.applied.iter().any(|name| name.starts_with("alerts."));
        if self.alerts.put_in_force(channels) && !shown {
            reloaded.applied.push("alerts.channel (other addresses)".to_owned());
        }
        self.me.store(Arc::new(next.me.clone()));
        self.observer.log.reload(next.decision_log.clone());
        if current.schedule != next.schedule {
            self.schedule.send_replace(Arc::new(schedule));
        }
        if another_source {
            self.sync.start(SyncTrigger::Reload);
        }
        let [grpc_tls, http_tls, admin_tls] = renewal.settings(current, &next);
        reloaded.applied.extend(renewal.put_in_force());
        if self.access.put_in_force(rules) {
            reloaded.applied.push("access (other tokens)".to_owned());
        }
        for warning in next.warnings() {
            tracing::warn!("{warning}");
        }
        // What needs a restart stays as it is in force, so that the next reload names it again.
        let in_force = Config {
            state_dir: current.state_dir.clone(),
            shutdown_grace: current.shutdown_grace,
            grpc: GrpcConfig { tls: grpc_tls, ..current.grpc.clone() },
            http: HttpConfig { tls: http_tls, ..current.http.clone() },
            admin: AdminConfig {
                listen: current.admin.listen.clone(),
                socket: current.admin.socket.clone(),
                tls: admin_tls,
                ..next.admin.clone()
            },
            limits: current.limits.clone(),
            log: current.log.clone(),
            decision_log: DecisionLogConfig { queue: current.decision_log.queue, ..next.decision_log },
            ..next
        };
        *current = in_force;
        Ok(reloaded)
    }
}
