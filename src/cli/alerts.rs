//! `rmdd alerts`

use clap::{Args, Subcommand};
use jiff::Timestamp;
use tonic::Request;

use super::screen::{Cell, Column, Table};
use super::target::{Access, Target};
use super::text::say;
use super::{Global, NO, YES, text};
use crate::alerts::{Alerts, InForce};
use crate::api::grpc::v1::alerts_service_client::AlertsServiceClient;
use crate::api::grpc::v1::alerts_service_server::AlertsService;
use crate::api::grpc::v1::{
    AlertChannel, AlertChannelState, AlertDelivery, DropDeliveryRequest, GetAlertsRequest, ListDeliveriesRequest,
    PreviewChannelRequest, RetryDeliveryRequest, TestChannelRequest,
};
use crate::api::grpc::{GrpcAlerts, time_from_wire, time_to_wire, v1};
use crate::api::times::since;
use crate::daemon::config::Overrides;
use crate::domain::wording::were;

#[derive(Debug, Args)]
pub struct AlertsCommand {
    #[command(subcommand)]
    action: Option<Action>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Send a test message by a channel, and print what the other end answered.
    Test {
        /// The channel's name.
        channel: String,
    },
    /// List the deliveries that wait.
    List {
        /// Those that were set aside.
        #[arg(long)]
        dead: bool,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// What a channel would have been sent, from the history. Sends nothing.
    Preview {
        /// The channel's name.
        channel: String,
        /// From when on: a time with its zone (2025-08-06 12:00 ET), a day (2025-08-06, Eastern time) or an age (30d, 36h).
        #[arg(long, value_name = "T", value_parser = since, default_value = "30d")]
        since: Timestamp,
        /// With the text of each message.
        #[arg(long)]
        full: bool,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Try an event's deliveries again now: those that were set aside, and those that wait for their next attempt.
    Retry {
        /// The event's ID.
        id: String,
    },
    /// Drop an event's deliveries.
    Drop {
        /// The event's ID.
        id: String,
    },
}

/// Whom alerts are asked about.
enum Asked {
    Daemon(Target),
    Store(GrpcAlerts),
}

macro_rules! ask {
    ($name:ident, $request:ty, $response:ty) => {
        async fn $name(&self, request: $request) -> anyhow::Result<$response> {
            match self {
                Self::Daemon(target) => {
                    let Target::Daemon { channel, .. } = target else { anyhow::bail!("no daemon was asked") };
                    let answer = AlertsServiceClient::new(channel.clone()).$name(request).await;
                    answer.map(tonic::Response::into_inner).map_err(|status| target.explain(&status))
                }
                Self::Store(alerts) => {
                    let answer = alerts.$name(Request::new(request)).await;
                    answer.map(tonic::Response::into_inner).map_err(|status| anyhow::anyhow!("{}", status.message()))
                }
            }
        }
    };
}

impl Asked {
    ask!(get_alerts, GetAlertsRequest, v1::GetAlertsResponse);
    ask!(list_deliveries, ListDeliveriesRequest, v1::ListDeliveriesResponse);
    ask!(test_channel, TestChannelRequest, v1::TestChannelResponse);
    ask!(preview_channel, PreviewChannelRequest, v1::PreviewChannelResponse);
    ask!(retry_delivery, RetryDeliveryRequest, v1::RetryDeliveryResponse);
    ask!(drop_delivery, DropDeliveryRequest, v1::DropDeliveryResponse);

    async fn find(global: &Global, access: Access) -> anyhow::Result<Self> {
        let loaded = global.settings(Overrides::new())?;
        match Target::find(global, &loaded, access).await? {
            Target::Store(grpc) => {
                let in_force = InForce::load(&loaded.config.alerts).map_err(|error| anyhow::anyhow!(error))?;
                Ok(Self::Store(GrpcAlerts(Alerts::new(grpc.0, in_force, false))))
            }
            daemon => Ok(Self::Daemon(daemon)),
        }
    }
}

/// The channels of a daemon.
///
/// # Errors
///
/// If it does not tell.
pub async fn channels_of(daemon: &Target) -> anyhow::Result<Vec<AlertChannel>> {
    let Target::Daemon { channel, .. } = daemon else { anyhow::bail!("no daemon was asked") };
    let answer = AlertsServiceClient::new(channel.clone()).get_alerts(GetAlertsRequest {}).await;
    answer.map(|answer| answer.into_inner().channels).map_err(|status| daemon.explain(&status))
}

/// The channels that are asked for nothing, since their other end wanted nothing more.
async fn stopped(asked: &Asked) -> Vec<String> {
    let channels = asked.get_alerts(GetAlertsRequest {}).await.map(|answer| answer.channels).unwrap_or_default();
    let stopped = channels.into_iter().filter(|channel| channel.state() == AlertChannelState::Stopped);
    stopped.map(|channel| channel.name).collect()
}

impl AlertsCommand {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        match self.action {
            None => channels(&Asked::find(global, Access::Read).await?, self.json).await,
            Some(Action::Test { channel }) => test(&Asked::find(global, Access::Read).await?, channel).await,
            Some(Action::List { dead, json }) => list(&Asked::find(global, Access::Read).await?, dead, json).await,
            Some(Action::Preview { channel, since, full, json }) => {
                preview(&Asked::find(global, Access::Read).await?, (channel, since), full, json).await
            }
            Some(Action::Retry { id }) => {
                let asked = Asked::find(global, Access::Maintain).await?;
                let answer = asked.retry_delivery(RetryDeliveryRequest { id }).await?;
                let stopped = stopped(&asked).await;
                let (waiting, tried): (Vec<&String>, Vec<&String>) =
                    answer.channels.iter().partition(|name| stopped.contains(*name));
                let named = |names: &[&String]| names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
                let id = text::one_line(&answer.id);
                if !tried.is_empty() {
                    say!("{}  {id} goes out again by {}", text::good("RETRY"), named(&tried));
                }
                if !waiting.is_empty() {
                    let names = named(&waiting);
                    say!(
                        "{}  {id} waits for {names}, stopped by its other end: rmdd alerts test NAME",
                        text::doubtful("WAITS")
                    );
                }
                about((&answer.r#type, &answer.subject), answer.time.as_ref());
                Ok(YES)
            }
            Some(Action::Drop { id }) => {
                let asked = Asked::find(global, Access::Maintain).await?;
                let answer = asked.drop_delivery(DropDeliveryRequest { id }).await?;
                say!(
                    "{}  {} does not go out by {}",
                    text::doubtful("DROPPED"),
                    text::one_line(&answer.id),
                    answer.channels.join(", ")
                );
                about((&answer.r#type, &answer.subject), answer.time.as_ref());
                Ok(YES)
            }
        }
    }
}

/// What an event says that it is, what it is about, and when it was found.
fn about((kind, subject): (&str, &str), found: Option<&prost_types::Timestamp>) {
    text::fact("event", text::one_line(kind));
    text::fact("about", text::one_line(subject));
    text::fact("found", text::time_and_distance(found));
}

fn word(state: AlertChannelState) -> &'static str {
    match state {
        AlertChannelState::Good => "good",
        AlertChannelState::Failing => "failing",
        AlertChannelState::Stopped => "stopped",
        AlertChannelState::NotConfigured => "not configured",
        AlertChannelState::Unspecified => "unknown",
    }
}

async fn channels(asked: &Asked, json: bool) -> anyhow::Result<u8> {
    let answer = asked.get_alerts(GetAlertsRequest {}).await?;
    let fails =
        |channel: &&AlertChannel| matches!(channel.state(), AlertChannelState::Failing | AlertChannelState::Stopped);
    for channel in &answer.channels {
        if json {
            text::whole!("{}", serde_json::to_string(&channel_to_json(channel))?);
        }
    }
    if !json {
        let mut table = Table::new(&COLUMNS);
        answer.channels.iter().for_each(|channel| add(&mut table, channel));
        table.print();
        if answer.channels.len() < 2 {
            say!();
            say!("No channel is configured but the journal: see `[[alerts.channel]]` in docs/alerts.md.");
        }
    }
    Ok(if answer.channels.iter().any(|channel| fails(&channel)) { NO } else { YES })
}

static COLUMNS: [Column; 6] = [
    Column::text("CHANNEL"),
    Column::whole("TYPE"),
    Column::whole("STATE"),
    Column::number("QUEUED"),
    Column::number("DEAD"),
    Column::whole("LAST DELIVERED"),
];

fn add(table: &mut Table, channel: &AlertChannel) {
    let state = word(channel.state());
    let fails = matches!(channel.state(), AlertChannelState::Failing | AlertChannelState::Stopped);
    let delivered = match &channel.delivered_at {
        Some(at) => text::time(Some(at)),
        None => "never".to_owned(),
    };
    let cells = [
        Cell::plain(&channel.name),
        Cell::plain(&channel.r#type),
        match channel.state() {
            AlertChannelState::Good => Cell::good(state),
            _ if fails => Cell::bad(state),
            _ => Cell::doubtful(state),
        },
        Cell::plain(text::count(channel.queued)),
        Cell::plain(text::count(channel.dead)),
        Cell::plain(delivered),
    ];
    let mut notes = Vec::new();
    if !channel.error.is_empty() && (fails || channel.dead > 0) {
        notes.push(format!("{}: {}", text::time(channel.error_at.as_ref()), text::one_line(&channel.error)));
    }
    if let Some(next) = &channel.next_at {
        notes.push(format!("next attempt {}", text::time_and_distance(Some(next))));
    }
    if channel.overflowed > 0 {
        let overflowed = channel.overflowed;
        notes.push(format!("{} {} set aside because the queue was full", text::count(overflowed), were(overflowed)));
    }
    table.add(cells, notes);
}

fn time(at: Option<&prost_types::Timestamp>) -> Option<String> {
    at.and_then(time_from_wire).map(|at| at.to_string())
}

fn channel_to_json(channel: &AlertChannel) -> serde_json::Value {
    serde_json::json!({
        "name": channel.name,
        "type": channel.r#type,
        "state": word(channel.state()).replace(' ', "_"),
        "queued": channel.queued,
        "dead": channel.dead,
        "delivered_at": time(channel.delivered_at.as_ref()),
        "failing_since": time(channel.failing_since.as_ref()),
        "error": channel.error,
        "error_at": time(channel.error_at.as_ref()),
        "overflowed": channel.overflowed,
        "next_at": time(channel.next_at.as_ref()),
    })
}

async fn test(asked: &Asked, channel: String) -> anyhow::Result<u8> {
    let answer = asked.test_channel(TestChannelRequest { channel: channel.clone() }).await?;
    let said = text::one_line(&answer.answer);
    if answer.delivered {
        say!("{}  {channel}: {said}", text::good("DELIVERED"));
        return Ok(YES);
    }
    say!("{}  {channel}: {said}", text::bad("NOT DELIVERED"));
    Ok(NO)
}

async fn list(asked: &Asked, dead: bool, json: bool) -> anyhow::Result<u8> {
    let answer = asked.list_deliveries(ListDeliveriesRequest { dead }).await?;
    for delivery in &answer.deliveries {
        if json {
            text::whole!("{}", serde_json::to_string(&delivery_to_json(delivery))?);
        } else {
            print_delivery(delivery);
        }
    }
    if !json {
        let what = if dead { "set aside" } else { "waiting" };
        say!("{} {what}", text::count_of(answer.total, "delivery").replace("deliverys", "deliveries"));
        if dead && answer.total > 0 {
            say!("Send one again with `rmdd alerts retry ID`, or drop it with `rmdd alerts drop ID`.");
        }
    }
    Ok(YES)
}

async fn preview(asked: &Asked, (channel, since): (String, Timestamp), full: bool, json: bool) -> anyhow::Result<u8> {
    let request = PreviewChannelRequest { channel, since: Some(time_to_wire(since)) };
    let answer = asked.preview_channel(request).await?;
    for message in &answer.messages {
        if json {
            let message = serde_json::json!({
                "time": time(message.time.as_ref()),
                "subject": message.subject,
                "lines": message.lines,
                "events": message.events,
            });
            say!("{message}");
            continue;
        }
        say!("{}  {}", text::time(message.time.as_ref()), text::strong(&text::one_line(&message.subject)));
        for line in message.lines.iter().filter(|_| full) {
            say!("    {}", crate::domain::visible::for_terminal(line));
        }
    }
    if !json {
        let since = text::moment(since);
        say!(
            "{} since {since}, had this channel been there. Alarms are in no history.",
            text::count_of(answer.total, "message")
        );
    }
    Ok(YES)
}

fn print_delivery(delivery: &AlertDelivery) {
    let to = format!("{}  {} to {}", text::strong(&delivery.id), text::one_line(&delivery.r#type), delivery.channel);
    let mut below = vec![
        format!("about {}", text::one_line(&delivery.subject)),
        format!("found {}", text::time_and_distance(delivery.time.as_ref())),
    ];
    if delivery.tries > 0 || !delivery.error.is_empty() {
        let tries = text::count_of(delivery.tries.into(), "attempt");
        below.push(format!("failed: {tries}; {}", text::one_line(&delivery.error)));
    }
    if delivery.next_at.is_some() {
        below.push(format!("next attempt {}", text::time_and_distance(delivery.next_at.as_ref())));
    }
    text::record(&to, &below);
}

fn delivery_to_json(delivery: &AlertDelivery) -> serde_json::Value {
    serde_json::json!({
        "id": delivery.id,
        "channel": delivery.channel,
        "type": delivery.r#type,
        "subject": delivery.subject,
        "severity": delivery.severity,
        "time": time(delivery.time.as_ref()),
        "tries": delivery.tries,
        "next_at": time(delivery.next_at.as_ref()),
        "error": delivery.error,
        "set_aside_at": time(delivery.set_aside_at.as_ref()),
    })
}
