//! `AlertsService`: what is told by the channels, and whether it arrives.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::convert::{time_from_wire, time_to_wire};
use super::v1;
use super::v1::alerts_service_server::AlertsService;
use crate::alerts::{Alerts, ByHand, ChannelReport, DeliveryReport, Preview};
use crate::domain::ErrorReason;

/// So many deliveries are listed at once.
const LISTED: usize = 1000;

/// So many lines of a message are shown.
const LINES: usize = 100;

/// The service over alerts.
#[derive(Debug, Clone)]
pub(crate) struct GrpcAlerts(pub Arc<Alerts>);

fn channel_to_wire(report: ChannelReport) -> v1::AlertChannel {
    let ChannelReport { name, kind, queued, dead, stopped, next_at, record } = report;
    let state = match (kind, &stopped, record.failing_since) {
        (None, ..) => v1::AlertChannelState::NotConfigured,
        (_, Some(_), _) => v1::AlertChannelState::Stopped,
        (_, _, Some(_)) => v1::AlertChannelState::Failing,
        _ => v1::AlertChannelState::Good,
    };
    v1::AlertChannel {
        name,
        r#type: kind.unwrap_or_default().to_owned(),
        state: state.into(),
        queued,
        dead,
        delivered_at: record.delivered_at.map(time_to_wire),
        failing_since: record.failing_since.map(time_to_wire),
        error: stopped.unwrap_or(record.error),
        error_at: record.error_at.map(time_to_wire),
        overflowed: record.overflowed,
        next_at: next_at.map(time_to_wire),
    }
}

fn delivery_to_wire(report: DeliveryReport) -> v1::AlertDelivery {
    let DeliveryReport { channel, event, delivery } = report;
    v1::AlertDelivery {
        id: event.id,
        channel,
        r#type: event.kind,
        subject: event.subject,
        severity: event.severity,
        time: Some(time_to_wire(event.at)),
        tries: delivery.tries,
        next_at: delivery.next_at.filter(|_| delivery.set_aside_at.is_none()).map(time_to_wire),
        error: delivery.error,
        set_aside_at: delivery.set_aside_at.map(time_to_wire),
    }
}

#[tonic::async_trait]
impl AlertsService for GrpcAlerts {
    async fn get_alerts(&self, _: Request<v1::GetAlertsRequest>) -> Result<Response<v1::GetAlertsResponse>, Status> {
        let channels = self.0.channels().await?;
        Ok(Response::new(v1::GetAlertsResponse { channels: channels.into_iter().map(channel_to_wire).collect() }))
    }

    async fn list_deliveries(
        &self,
        request: Request<v1::ListDeliveriesRequest>,
    ) -> Result<Response<v1::ListDeliveriesResponse>, Status> {
        let deliveries = self.0.deliveries(request.into_inner().dead).await?;
        let total = deliveries.len() as u64;
        let deliveries = deliveries.into_iter().take(LISTED).map(delivery_to_wire).collect();
        Ok(Response::new(v1::ListDeliveriesResponse { deliveries, total }))
    }

    async fn test_channel(
        &self,
        request: Request<v1::TestChannelRequest>,
    ) -> Result<Response<v1::TestChannelResponse>, Status> {
        let tested = self.0.test(&request.into_inner().channel).await?;
        Ok(Response::new(v1::TestChannelResponse { delivered: tested.delivered, answer: tested.said }))
    }

    async fn preview_channel(
        &self,
        request: Request<v1::PreviewChannelRequest>,
    ) -> Result<Response<v1::PreviewChannelResponse>, Status> {
        let v1::PreviewChannelRequest { channel, since } = request.into_inner();
        let since = since.as_ref().and_then(time_from_wire);
        let since = since.ok_or_else(|| ErrorReason::InvalidTime.reject("since is missing or is no time"))?;
        let messages = self.0.preview(&channel, since).await?;
        let total = messages.len() as u64;
        let to_wire = |preview: Preview| v1::AlertPreview {
            time: Some(time_to_wire(preview.at)),
            subject: preview.subject,
            lines: preview.lines.into_iter().take(LINES).collect(),
            events: preview.events as u64,
        };
        let messages = messages.into_iter().take(LISTED).map(to_wire).collect();
        Ok(Response::new(v1::PreviewChannelResponse { messages, total }))
    }

    async fn retry_delivery(
        &self,
        request: Request<v1::RetryDeliveryRequest>,
    ) -> Result<Response<v1::RetryDeliveryResponse>, Status> {
        let ByHand { event, channels } = self.0.retry(&request.into_inner().id).await?;
        let time = Some(time_to_wire(event.at));
        let (id, r#type, subject) = (event.id, event.kind, event.subject);
        Ok(Response::new(v1::RetryDeliveryResponse { channels, id, r#type, subject, time }))
    }

    async fn drop_delivery(
        &self,
        request: Request<v1::DropDeliveryRequest>,
    ) -> Result<Response<v1::DropDeliveryResponse>, Status> {
        let ByHand { event, channels } = self.0.drop_event(&request.into_inner().id).await?;
        let time = Some(time_to_wire(event.at));
        let (id, r#type, subject) = (event.id, event.kind, event.subject);
        Ok(Response::new(v1::DropDeliveryResponse { channels, id, r#type, subject, time }))
    }
}
