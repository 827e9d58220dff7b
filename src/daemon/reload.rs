//! A reload: the configuration is read and checked whole, and what can change without a restart changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::membership::Says;
use super::tls::{self, ListenersTls};
use super::{ReloadFrom, sync_settings, systemd};
use crate::alerts::{Alerts, InForce};
use crate::daemon::config::{self, Config};
use crate::decide::Policy;
use crate::decide::own::MeConfig;
use crate::domain::SyncTrigger;
use crate::observe::Observer;
use crate::observe::clock;
use crate::service::{DiskConfig, FreshnessConfig, RefusedReload, ReloadResult, Reloaded};
use crate::sync::SyncHandle;
use crate::sync::fetch;
use crate::sync::schedule::Schedule;
use crate::transport::auth::Access;

/// Keeps a setting, or a table of them, as it is in force.
type Keep = fn(&mut Config, &Config);

/// What is read once, at the start: the one list of what a reload leaves as it is. All else takes effect at once.
const READ_AT_START: [(&str, Keep); 16] = [
    ("state_dir", |next, now| next.state_dir.clone_from(&now.state_dir)),
    ("shutdown_grace", |next, now| next.shutdown_grace = now.shutdown_grace),
    ("grpc.listen", |next, now| next.grpc.listen.clone_from(&now.grpc.listen)),
    ("grpc.tls.", |next, now| next.grpc.tls.clone_from(&now.grpc.tls)),
    ("grpc.socket.", |next, now| next.grpc.socket.clone_from(&now.grpc.socket)),
    ("http.listen", |next, now| next.http.listen.clone_from(&now.http.listen)),
    ("http.hosts", |next, now| next.http.hosts.clone_from(&now.http.hosts)),
    ("http.tls.", |next, now| next.http.tls.clone_from(&now.http.tls)),
    ("http.socket.", |next, now| next.http.socket.clone_from(&now.http.socket)),
    ("admin.listen", |next, now| next.admin.listen.clone_from(&now.admin.listen)),
    ("admin.socket.", |next, now| next.admin.socket.clone_from(&now.admin.socket)),
    ("admin.tls.", |next, now| next.admin.tls.clone_from(&now.admin.tls)),
    ("limits.", |next, now| next.limits.clone_from(&now.limits)),
    ("log.", |next, now| next.log.clone_from(&now.log)),
    ("decision_log.queue", |next, now| next.decision_log.queue = now.decision_log.queue),
    // New files in the place of those of its TLS are put in force all the same.
    ("fleet", |next, now| next.fleet.clone_from(&now.fleet)),
];

/// The names of the settings in which `next` differs from those in force; what waits for a restart is put back into it, so
/// that the next reload names it again. `renewed` says which of those a reload reaches nevertheless.
fn keep_what_waits(next: &mut Config, now: &Config, renewed: impl Fn(&str) -> bool) -> Reloaded {
    let (before, after) = (now.settings(), next.settings());
    let mut reloaded = Reloaded::default();
    for name in before.keys().chain(after.keys().filter(|name| !before.contains_key(*name))) {
        if before.get(name) == after.get(name) {
            continue;
        }
        match READ_AT_START.iter().find(|(start, _)| name.starts_with(start) && !renewed(name)) {
            Some((_, keep)) => {
                keep(next, now);
                reloaded.needs_restart.push(name.clone());
            }
            None => reloaded.applied.push(name.clone()),
        }
    }
    reloaded
}

fn named(settings: &[String]) -> String {
    if settings.is_empty() { "nothing".to_owned() } else { settings.join(", ") }
}

/// What a reload reaches.
pub struct Reloader {
    pub from: ReloadFrom,
    /// That of the fleet, once that is known.
    pub schedule_minute: Arc<AtomicU8>,
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
    /// What is told to a fleet, in one.
    pub says: Option<Says>,
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
        let mut next = config::load(self.from.file.as_deref(), config::environment(), &self.from.flags)
            .map_err(|error| error.to_string())?
            .config;
        let settings = sync_settings(&next)?;
        fetch::check_client(&next.fetch).map_err(|error| error.to_string())?;
        let schedule = Schedule::from_config(&next.schedule, self.schedule_minute.load(Ordering::Relaxed))
            .map_err(|error| error.to_string())?;

        let rules = tls::rules(&next).map_err(|error| error.to_string())?;
        let channels = InForce::load(&next.alerts)?;
        let renewal = self.tls.prepare(&next).map_err(|error| error.to_string())?;

        let mut reloaded = keep_what_waits(&mut next, current, |name| renewal.puts_in_force(name));
        let before = std::mem::replace(current, next);

        let sources = |config: &Config| (config.source.clone(), config.fallback_sources.clone());
        self.sync.set_settings(settings);
        self.freshness.store(Arc::new(current.freshness.clone()));
        self.policy.store(Arc::new(current.policy()));
        self.says.iter().for_each(|says| says.put_in_force(current));
        self.disk.store(Arc::new(current.disk.clone()));
        // Of channels only what may be shown was compared above.
        let shown = reloaded.applied.iter().any(|name| name.starts_with("alerts."));
        if self.alerts.put_in_force(channels) && !shown {
            reloaded.applied.push("alerts.channel (other addresses)".to_owned());
        }
        self.me.store(Arc::new(current.me.clone()));
        self.observer.log.reload(current.decision_log.clone());
        if before.schedule != current.schedule {
            self.schedule.send_replace(Arc::new(schedule));
        }
        if sources(&before) != sources(current) {
            self.sync.start(SyncTrigger::Reload);
        }
        reloaded.applied.extend(renewal.put_in_force());
        if self.access.put_in_force(rules) {
            reloaded.applied.push("access (other tokens)".to_owned());
        }
        for warning in current.warnings() {
            tracing::warn!("{warning}");
        }
        Ok(reloaded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_leaves_what_waits_for_a_restart_as_it_is_and_names_both() {
        let mut config = Config::default();
        config.schedule.cron = Some("0 5 * * * *".to_owned());
        let mut next = config.clone();
        next.schedule.cron = None;
        next.limits.rate_limit += 1;
        next.admin.users = vec!["ann".to_owned()];
        next.state_dir = Some("/elsewhere".into());
        next.grpc.tls.key = Some("/new.pem".into());
        next.http.tls.key = Some("/new.pem".into());
        let (wanted, renewed) = (next.clone(), |name: &str| name.starts_with("http.tls."));
        let Reloaded { applied, needs_restart } = keep_what_waits(&mut next, &config, renewed);
        assert_eq!(applied, ["admin.users", "http.tls.key", "schedule.cron"]);
        assert_eq!(needs_restart, ["grpc.tls.key", "limits.rate_limit", "state_dir"]);
        let kept = (&next.limits, &next.state_dir, &next.grpc);
        assert_eq!(kept, (&config.limits, &config.state_dir, &config.grpc));
        assert_eq!((&next.admin, &next.schedule, &next.http), (&wanted.admin, &wanted.schedule, &wanted.http));
        // The next one names again what waits.
        let (mut again, in_force) = (wanted, next);
        let reloaded = keep_what_waits(&mut again, &in_force, renewed);
        assert_eq!((reloaded.applied, reloaded.needs_restart), (vec![], needs_restart));
        assert_eq!(again, in_force);
    }

    #[test]
    fn every_listener_and_what_stands_in_the_list_is_kept_and_nothing_else() {
        for (start, keep) in READ_AT_START {
            let names = Config::default().settings();
            assert!(names.keys().any(|name| name.starts_with(start)), "{start} names no setting");
            let (now, mut next) = (Config::default(), Config::default());
            keep(&mut next, &now);
            assert_eq!(next, now, "{start}");
        }
        for listener in ["grpc", "http", "admin"] {
            let kept = |part: &str| READ_AT_START.iter().any(|(start, _)| *start == format!("{listener}.{part}"));
            assert!(kept("listen") && kept("tls.") && kept("socket."), "{listener}");
        }
    }
}
