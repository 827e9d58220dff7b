//! `AdminService`: operating the daemon.

use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;
use tonic::{Request, Response, Status};

use super::convert::{self, time_to_wire};
use super::error::stopping;
use super::v1::admin_service_server::AdminService;
use super::{ErrorReason, Services, SyncAccess, v1};
use crate::clock;
use crate::domain::{Sha256Digest, SyncTrigger};
use crate::index::Index;
use crate::status::{self, Alarm, State};
use crate::store::SyncState;
use crate::sync::retry::earlier;
use crate::sync::{Approval, ApprovalError};

fn state(state: State) -> v1::State {
    match state {
        State::Fresh => v1::State::Fresh,
        State::Warning => v1::State::Warning,
        State::Critical => v1::State::Critical,
    }
}

fn no_daemon() -> Status {
    Status::failed_precondition("no daemon runs here: this command only reads the store")
}

impl Services {
    /// What is wrong now, worst first.
    pub(crate) fn alarms(&self, index: Option<&Index>, sync: &SyncState, now: Timestamp) -> Vec<Alarm> {
        let mut alarms = status::alarms(index, sync, &self.freshness.load(), now);
        if let Some(damage) = self.store.damage() {
            alarms.insert(0, status::store_damaged(damage));
        }
        if let Some(observer) = &self.observer {
            alarms.extend(status::decision_log(&observer.log.counts(), now));
        }
        if let Some(refused) = self.running.as_ref().and_then(|running| running.refused_reload.borrow().clone()) {
            alarms.push(status::reload_refused(&refused));
        }
        let tls = self.running.iter().flat_map(|running| &running.tls);
        alarms.extend(tls.flat_map(|tls| status::certificate(&tls.state(), now)));
        alarms.sort_by_key(|alarm| std::cmp::Reverse(alarm.severity));
        alarms
    }
}

#[tonic::async_trait]
impl AdminService for Services {
    async fn get_status(&self, _: Request<v1::GetStatusRequest>) -> Result<Response<v1::GetStatusResponse>, Status> {
        let now = clock::now();
        let index = self.index.load_full();
        let (sync, progress) = match &self.sync {
            SyncAccess::Handle(handle) => (handle.state(), handle.progress()),
            SyncAccess::Record { state, .. } => (state.clone(), None),
        };
        let settings = self.sync.settings();
        let standing = index.as_ref().map(|index| index.snapshot().sha256);
        let conditional = settings.fetch.conditional.then_some(standing).flatten();
        let longest = SignedDuration::try_from(settings.fetch.max_retry_after).unwrap_or(SignedDuration::MAX);
        let sources = settings.sources().map(|source| {
            let source = source.to_string();
            match sync.sources.iter().find(|state| state.source == source) {
                Some(state) => convert::source_status(state, conditional, longest, now),
                None => v1::SourceStatus { source, ..v1::SourceStatus::default() },
            }
        });
        let sources = sources.collect();
        let retry = self.running.as_ref().and_then(|running| *running.retry.borrow());
        let alarms = self.alarms(index.as_deref(), &sync, now);
        let schedule = self.running.as_ref().map(|running| running.schedule.borrow().clone());
        Ok(Response::new(v1::GetStatusResponse {
            state: state(status::state(&alarms)).into(),
            alarms: alarms
                .into_iter()
                .map(|alarm| v1::Alarm {
                    code: alarm.code.to_owned(),
                    message: alarm.message,
                    severity: state(alarm.severity).into(),
                })
                .collect(),
            snapshot: index.as_ref().map(|index| convert::snapshot(index, now)),
            filings: index.as_ref().map_or(0, |index| index.snapshot().filings.len() as u64),
            removals_total: index.as_ref().map_or(0, |index| index.removals().open_count() as u64),
            last_sync: sync.last.as_ref().map(convert::sync_report),
            next_sync_at: earlier(schedule.as_ref().and_then(|schedule| schedule.next_after(now)), retry)
                .map(time_to_wire),
            source: settings.source.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sync_in_progress: progress.map(|progress| v1::SyncProgress {
                stage: progress.stage.as_str().to_owned(),
                bytes: progress.bytes,
                bytes_expected: progress.bytes_expected.unwrap_or_default(),
                started_at: Some(time_to_wire(progress.started_at)),
                trigger: progress.trigger.as_str().to_owned(),
            }),
            last_change_serial: index.as_ref().map_or(0, |index| index.last_change().0),
            state_dir: self.state_dir.display().to_string(),
            store_bytes: self.store.size(),
            last_success_at: sync.last_success_at.map(time_to_wire),
            failures_since: sync.failures_since,
            schedule: schedule.map(|schedule| schedule.to_string()).unwrap_or_default(),
            sources,
            started_at: self.running.as_ref().map(|running| time_to_wire(running.started_at)),
            held: sync.held.iter().map(convert::held).collect(),
            last_contact_at: sync.last_contact_at.map(time_to_wire),
            content_as_of: index.as_ref().and_then(|index| index.content_as_of()).unwrap_or_default().to_owned(),
        }))
    }

    async fn trigger_sync(
        &self,
        _: Request<v1::TriggerSyncRequest>,
    ) -> Result<Response<v1::TriggerSyncResponse>, Status> {
        let SyncAccess::Handle(handle) = &self.sync else { return Err(no_daemon()) };
        let record = handle.sync(SyncTrigger::Operator).await.map_err(|_| stopping())?;
        Ok(Response::new(v1::TriggerSyncResponse { sync: Some(convert::sync_report(&record)) }))
    }

    async fn approve_listing(
        &self,
        request: Request<v1::ApproveListingRequest>,
    ) -> Result<Response<v1::ApproveListingResponse>, Status> {
        let SyncAccess::Handle(handle) = &self.sync else { return Err(no_daemon()) };
        let v1::ApproveListingRequest { sha256, by } = request.into_inner();
        let digest = <[u8; 32]>::try_from(sha256)
            .map_err(|_| ErrorReason::InvalidApproval.status("sha256 is no SHA-256 digest: it has 32 bytes"))?;
        if by.trim().is_empty() {
            return Err(ErrorReason::InvalidApproval.status("say who lets the listing through (by)"));
        }
        let approval = Approval { sha256: Sha256Digest(digest), by: by.trim().to_owned() };
        let record = handle.approve(approval).await.map_err(|error| match error {
            ApprovalError::Stopped(_) => stopping(),
            error => ErrorReason::ListingNotHeld.status(error.to_string()),
        })?;
        Ok(Response::new(v1::ApproveListingResponse { sync: Some(convert::sync_report(&record)) }))
    }

    async fn reload_config(
        &self,
        _: Request<v1::ReloadConfigRequest>,
    ) -> Result<Response<v1::ReloadConfigResponse>, Status> {
        let Some(running) = &self.running else { return Err(no_daemon()) };
        let (reply, outcome) = oneshot::channel();
        running.reload.send(reply).await.map_err(|_| stopping())?;
        let reloaded =
            outcome.await.map_err(|_| stopping())?.map_err(|error| ErrorReason::ConfigInvalid.status(error))?;
        Ok(Response::new(v1::ReloadConfigResponse { applied: reloaded.applied, needs_restart: reloaded.needs_restart }))
    }

    type BackupStream = super::upkeep::BackupStream;

    async fn backup(&self, _: Request<v1::BackupRequest>) -> Result<Response<Self::BackupStream>, Status> {
        self.back_up().await.map(Response::new)
    }

    async fn verify(&self, _: Request<v1::VerifyRequest>) -> Result<Response<v1::VerifyResponse>, Status> {
        self.verify_store().await.map(Response::new)
    }

    async fn compact(&self, _: Request<v1::CompactRequest>) -> Result<Response<v1::CompactResponse>, Status> {
        self.compact_store().await.map(Response::new)
    }

    async fn put_records(
        &self,
        request: Request<v1::PutRecordsRequest>,
    ) -> Result<Response<v1::PutRecordsResponse>, Status> {
        self.put(request.into_inner()).await.map(Response::new)
    }

    async fn remove_records(
        &self,
        request: Request<v1::RemoveRecordsRequest>,
    ) -> Result<Response<v1::RemoveRecordsResponse>, Status> {
        let events = self.remove(request.into_inner()).await?;
        Ok(Response::new(v1::RemoveRecordsResponse { events }))
    }

    async fn list_records(
        &self,
        request: Request<v1::ListRecordsRequest>,
    ) -> Result<Response<v1::ListRecordsResponse>, Status> {
        self.list(request.get_ref()).map(Response::new)
    }

    async fn list_record_events(
        &self,
        request: Request<v1::ListRecordEventsRequest>,
    ) -> Result<Response<v1::ListRecordEventsResponse>, Status> {
        let events = self.events(request.into_inner()).await?;
        Ok(Response::new(v1::ListRecordEventsResponse { events }))
    }

    async fn assess_impact(
        &self,
        request: Request<v1::AssessImpactRequest>,
    ) -> Result<Response<v1::AssessImpactResponse>, Status> {
        self.impact(request.into_inner()).await.map(Response::new)
    }
}
