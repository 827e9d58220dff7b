//! `AdminService`: operating the daemon.

use tonic::{Request, Response, Status};

use super::convert::{self, time_to_wire};
use super::export::BackupStream;
use super::v1::admin_service_server::AdminService;
use super::{Grpc, activity, authorization, fleet, records, standing, v1};
use crate::domain::{ErrorReason, Rejection, Sha256Digest};
use crate::records::Change;
use crate::service::{
    Alarm, EventsRequest, ImpactRequest, RecordsRequest, Severity, StandingsRequest, State, StatusReport,
};
use crate::store::{RecordsNotice, Verified};
use crate::sync::SyncStage;

fn state_to_wire(state: State) -> v1::State {
    match state {
        State::Fresh => v1::State::Fresh,
        State::Warning => v1::State::Warning,
        State::Critical => v1::State::Critical,
    }
}

fn severity_to_wire(severity: Severity) -> v1::Severity {
    match severity {
        Severity::Note => v1::Severity::Note,
        Severity::Warning => v1::Severity::Warning,
        Severity::Critical => v1::Severity::Critical,
    }
}

fn alarm_to_wire(alarm: Alarm) -> v1::Alarm {
    let kind = v1::AlarmCode::from_str_name(&format!("ALARM_CODE_{}", alarm.code.as_str()));
    v1::Alarm {
        code: alarm.code.as_str().to_owned(),
        message: alarm.whole(),
        finding: alarm.message,
        what_to_do: alarm.remedy,
        severity: severity_to_wire(alarm.severity).into(),
        kind: kind.unwrap_or_default().into(),
    }
}

fn stage_to_wire(stage: SyncStage) -> v1::SyncStage {
    match stage {
        SyncStage::Fetch => v1::SyncStage::Fetch,
        SyncStage::Vet => v1::SyncStage::Vet,
        SyncStage::Corroborate => v1::SyncStage::Corroborate,
        SyncStage::Commit => v1::SyncStage::Commit,
    }
}

fn status_to_wire(report: StatusReport) -> v1::GetStatusResponse {
    let sync = &report.sync;
    v1::GetStatusResponse {
        state: state_to_wire(report.state).into(),
        alarms: report.alarms.into_iter().map(alarm_to_wire).collect(),
        snapshot: report.snapshot.as_ref().map(convert::snapshot_to_wire),
        filings: report.filings,
        removed_filings: report.removals,
        removals_total: report.removals_ever,
        last_sync: sync.last.as_ref().map(convert::sync_to_wire),
        next_sync_at: report.next_sync_at.map(time_to_wire),
        source: report.sources.first().map(|source| source.source.clone()).unwrap_or_default(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        sync_in_progress: report.progress.map(|progress| v1::SyncProgress {
            stage: stage_to_wire(progress.stage).into(),
            bytes: progress.bytes,
            bytes_expected: progress.bytes_expected.unwrap_or_default(),
            started_at: Some(time_to_wire(progress.started_at)),
            trigger: convert::trigger_to_wire(progress.trigger).into(),
            waits_until: progress.waits_until.map(time_to_wire),
        }),
        last_change_serial: report.last_change.0,
        state_dir: report.state_dir.display().to_string(),
        store_bytes: report.store_bytes,
        last_success_at: sync.last_success_at.map(time_to_wire),
        failures_since: sync.failures_since,
        schedule: report.schedule.unwrap_or_default(),
        sources: report.sources.iter().map(convert::source_to_wire).collect(),
        started_at: report.started_at.map(time_to_wire),
        held: sync.held.iter().map(convert::held_to_wire).collect(),
        last_contact_at: sync.last_contact_at.map(time_to_wire),
        content_as_of: report.content_as_of.unwrap_or_default(),
        peers: report.peers.as_ref().map(standing::summary_to_wire),
        own_filings: report.own.iter().map(standing::own_to_wire).collect(),
        weeks: report.weeks.iter().map(activity::week_to_wire).collect(),
        fleet: report.fleet.as_ref().map(fleet::to_wire),
        http_url: report.http_url.unwrap_or_default(),
    }
}

/// What a check of the store found.
pub(crate) fn verified_to_wire(verified: Verified) -> v1::VerifyResponse {
    v1::VerifyResponse {
        faults: [verified.faults, verified.journal_faults, verified.archive_faults].concat(),
        snapshots: verified.snapshots,
        changes: verified.changes,
        removals: verified.removals,
        records: verified.records,
        record_events: verified.record_events,
        journal_events: verified.journal_events,
        archived_listings: verified.archived,
    }
}

fn digest_from_wire(sha256: &[u8], reason: ErrorReason) -> Result<Sha256Digest, Rejection> {
    let digest = <[u8; 32]>::try_from(sha256);
    digest.map(Sha256Digest).map_err(|_| reason.reject("sha256 is no SHA-256 digest: it has 32 bytes"))
}

#[tonic::async_trait]
impl AdminService for Grpc {
    async fn get_status(&self, _: Request<v1::GetStatusRequest>) -> Result<Response<v1::GetStatusResponse>, Status> {
        Ok(Response::new(status_to_wire(self.0.status().await)))
    }

    async fn trigger_sync(
        &self,
        _: Request<v1::TriggerSyncRequest>,
    ) -> Result<Response<v1::TriggerSyncResponse>, Status> {
        let record = self.0.trigger_sync().await?;
        Ok(Response::new(v1::TriggerSyncResponse { sync: Some(convert::sync_to_wire(&record)) }))
    }

    async fn approve_listing(
        &self,
        request: Request<v1::ApproveListingRequest>,
    ) -> Result<Response<v1::ApproveListingResponse>, Status> {
        let v1::ApproveListingRequest { sha256, by } = request.into_inner();
        let digest = digest_from_wire(&sha256, ErrorReason::InvalidApproval)?;
        let record = self.0.approve(digest, &by).await?;
        Ok(Response::new(v1::ApproveListingResponse { sync: Some(convert::sync_to_wire(&record)) }))
    }

    async fn reload_config(
        &self,
        _: Request<v1::ReloadConfigRequest>,
    ) -> Result<Response<v1::ReloadConfigResponse>, Status> {
        let reloaded = self.0.reload().await?;
        Ok(Response::new(v1::ReloadConfigResponse { applied: reloaded.applied, needs_restart: reloaded.needs_restart }))
    }

    type BackupStream = BackupStream;

    async fn backup(&self, _: Request<v1::BackupRequest>) -> Result<Response<Self::BackupStream>, Status> {
        Ok(Response::new(BackupStream(self.0.backup().await?)))
    }

    async fn verify(&self, _: Request<v1::VerifyRequest>) -> Result<Response<v1::VerifyResponse>, Status> {
        Ok(Response::new(verified_to_wire(self.0.verify().await?)))
    }

    async fn compact(&self, _: Request<v1::CompactRequest>) -> Result<Response<v1::CompactResponse>, Status> {
        let compacted = self.0.compact().await?;
        Ok(Response::new(v1::CompactResponse { bytes_before: compacted.before, bytes_after: compacted.after }))
    }

    async fn put_records(
        &self,
        request: Request<v1::PutRecordsRequest>,
    ) -> Result<Response<v1::PutRecordsResponse>, Status> {
        let v1::PutRecordsRequest { records, replace, by } = request.into_inner();
        let records = records::records_from_wire(records, &by)?;
        let (events, unmatched) = self.0.put_records(records, replace, by).await?;
        Ok(Response::new(v1::PutRecordsResponse { events: records::events_to_wire(&events), unmatched }))
    }

    async fn remove_records(
        &self,
        request: Request<v1::RemoveRecordsRequest>,
    ) -> Result<Response<v1::RemoveRecordsResponse>, Status> {
        let v1::RemoveRecordsRequest { kind, ids, by, why } = request.into_inner();
        let kind = records::kind_from_wire(kind)?;
        let events = self.0.change_records(Change::Remove { kind, ids, by, why }).await?;
        Ok(Response::new(v1::RemoveRecordsResponse { events: records::events_to_wire(&events) }))
    }

    async fn acknowledge_records(
        &self,
        request: Request<v1::AcknowledgeRecordsRequest>,
    ) -> Result<Response<v1::AcknowledgeRecordsResponse>, Status> {
        let notice = self.0.acknowledge_records(request.into_inner().by).await?;
        let to_wire = |notice: RecordsNotice| v1::AcknowledgeRecordsResponse {
            noted_at: Some(time_to_wire(notice.at)),
            lost: [notice.lost, notice.past].concat(),
            mended: notice.mended,
        };
        Ok(Response::new(notice.map(to_wire).unwrap_or_default()))
    }

    async fn list_records(
        &self,
        request: Request<v1::ListRecordsRequest>,
    ) -> Result<Response<v1::ListRecordsResponse>, Status> {
        let v1::ListRecordsRequest { kind, id, page_size, page_token } = request.into_inner();
        let kind = records::kind_from_wire(kind)?;
        let page = self.0.list_records(&RecordsRequest { kind, id, page_size, page_token });
        Ok(Response::new(v1::ListRecordsResponse {
            records: page.records.iter().map(records::listed_to_wire).collect(),
            next_page_token: page.next_page_token,
        }))
    }

    async fn list_record_events(
        &self,
        request: Request<v1::ListRecordEventsRequest>,
    ) -> Result<Response<v1::ListRecordEventsResponse>, Status> {
        let v1::ListRecordEventsRequest { kind, id, after_serial, limit } = request.into_inner();
        let kind = records::kind_from_wire(kind)?;
        let events = self.0.record_events(EventsRequest { kind, id, after_serial, limit }).await?;
        Ok(Response::new(v1::ListRecordEventsResponse { events: records::events_to_wire(&events) }))
    }

    async fn assess_impact(
        &self,
        request: Request<v1::AssessImpactRequest>,
    ) -> Result<Response<v1::AssessImpactResponse>, Status> {
        let v1::AssessImpactRequest { listing, records, policy, held_sha256 } = request.into_inner();
        let held = match held_sha256.is_empty() {
            true => None,
            false => Some(digest_from_wire(&held_sha256, ErrorReason::ListingNotHeld)?),
        };
        let records = records::records_from_wire(records, "a supposition")?;
        let policy = policy.into_iter().collect();
        let report = self.0.impact(ImpactRequest { listing, held, records, policy }).await?;
        Ok(Response::new(records::impact_to_wire(&report)))
    }

    type WatchDecisionsStream = activity::WatchDecisions;

    async fn watch_decisions(
        &self,
        request: Request<v1::WatchDecisionsRequest>,
    ) -> Result<Response<Self::WatchDecisionsStream>, Status> {
        let seconds = usize::try_from(request.get_ref().history_seconds).unwrap_or(usize::MAX);
        let authorization = authorization(&request, activity::WATCH_DECISIONS);
        Ok(Response::new(activity::WatchDecisions(self.0.watch_decisions(seconds, authorization)?)))
    }

    async fn list_standings(
        &self,
        request: Request<v1::ListStandingsRequest>,
    ) -> Result<Response<v1::ListStandingsResponse>, Status> {
        let v1::ListStandingsRequest { page_size, page_token } = request.into_inner();
        let page = self.0.list_standings(StandingsRequest { page_size, page_token }).await?;
        Ok(Response::new(standing::page_to_wire(&page)))
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantArray;

    use super::*;
    use crate::domain::AlarmCode;

    #[test]
    fn every_alarm_has_its_number_in_the_protocol() {
        for code in AlarmCode::VARIANTS {
            let wire = alarm_to_wire(Alarm::new(*code, Severity::Note, "it happened"));
            assert_eq!((wire.finding.as_str(), wire.what_to_do.as_str()), ("it happened", code.remedy()));
            assert_eq!(wire.message, format!("it happened. What to do: {}", code.remedy()), "older clients have both");
            assert!(wire.kind() != v1::AlarmCode::Unspecified && wire.code == code.as_str(), "{code:?}");
        }
        let last = i32::try_from(AlarmCode::VARIANTS.len()).expect("few");
        assert!(v1::AlarmCode::try_from(last + 1).is_err(), "the protocol has a code that no alarm has");
    }
}
