//! `rmdd notices report`: the brief summary for the Commission.

use anyhow::bail;
use clap::Args;
use jiff::Timestamp;

use super::super::target::Target;
use super::super::{screen, text};
use super::notices::notice_of;
use super::{By, Global, YES, all, one, to_change, to_read};
use crate::api::grpc::v1::record::Provider as Number;
use crate::api::grpc::v1::{self, Filing, GetProviderRequest, GetProviderResponse};
use crate::api::grpc::{record_to_wire, time_from_wire};
use crate::domain::{Identity, Record, RecordKind, Who, rule};
use crate::observe::clock;
use crate::records::{FilingStatus, Provider, summary};

#[derive(Debug, Args)]
pub struct Report {
    /// The notice.
    #[arg(value_name = "ID")]
    id: String,
    /// Who sends it: your provider's name, FRN and contact [default: a line to be filled in].
    #[arg(long, value_name = "TEXT")]
    from: Option<String>,
    /// Put on record with the notice why you find that you may block, as written for the Commission, and write the summary
    /// with it. --why and --note are for your own people, and never in the summary.
    #[arg(long, value_name = "TEXT")]
    basis: Option<String>,
    /// Change the basis that is on record already.
    #[arg(long, requires = "basis")]
    replace: bool,
    #[command(flatten)]
    by: By,
}

fn mind(what: &str) {
    text::aside(format_args!("{}: {what}", text::doubtful("mind")));
}

impl Report {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let target = match &self.basis {
            Some(_) => to_change(global).await?,
            None => to_read(global).await?,
        };
        let mut record = one(&target, RecordKind::Notice, &self.id).await?;
        if let Some(basis) = &self.basis {
            self.keep(&target, &mut record, basis.trim()).await?;
        }
        let provider = provider(&target, record.provider).await?;
        let notice = notice_of(&mut record)?.clone();
        let now = clock::now();
        if !notice.is_overdue(now) {
            mind(&format!(
                "no deadline of this notice has passed without an answer on record, so {} gives no ground to block",
                rule::NOTICE
            ));
        }
        if !provider.hands_calls_to_us {
            mind(&format!(
                "no peer on record is bound to {}, so the summary does not say that it hands calls to you: bind yours with \
                 `rmdd peers add`",
                record.provider
            ));
        }
        if notice.basis.is_empty() {
            mind("no basis of your own is on record: --basis TEXT puts one there, and into the summary");
        }
        let summary = summary(&record, &notice, &provider, self.from.as_deref(), now);
        match screen::columns() {
            // What is cut at its edge could not be copied.
            Some(_) => summary.lines().for_each(|line| text::line(format_args!("{line}"))),
            None => text::write(summary.as_bytes())?,
        }
        Ok(YES)
    }

    /// Puts the basis on record.
    async fn keep(&self, target: &Target, record: &mut Record, basis: &str) -> anyhow::Result<()> {
        let notice = notice_of(record)?;
        if basis.is_empty() {
            bail!("nothing was changed: --basis: it is empty");
        }
        if notice.basis == basis {
            return Ok(());
        }
        if !notice.basis.is_empty() && !self.replace {
            bail!(
                "nothing was changed: a basis is on record already ({}): use --replace to change it",
                text::one_line(&notice.basis)
            );
        }
        basis.clone_into(&mut notice.basis);
        record.check(clock::now())?;
        let request =
            v1::PutRecordsRequest { records: vec![record_to_wire(record)], replace: true, by: self.by.name()? };
        target.put_records(request).await?;
        // Beside the summary, which may go straight into a file.
        text::aside(format_args!("The basis is on record with the notice {}.", record.id()));
        Ok(())
    }
}

async fn known(target: &Target, identity: Identity) -> anyhow::Result<GetProviderResponse> {
    let request = GetProviderRequest { identity: Some(Who::from(identity).into()), ..GetProviderRequest::default() };
    target.get_provider(request).await
}

/// What the database and the records say of the provider. All that stands under its FRN counts, though a notice may be on
/// record under the number of one filing.
async fn provider(target: &Target, identity: Identity) -> anyhow::Result<Provider> {
    let mut reported = known(target, identity).await?;
    let mut filings = all_of(&reported);
    let frn = match identity {
        Identity::Frn(frn) => Some(frn),
        Identity::RmdNumber(_) => filings.iter().find_map(|filing| filing.frn.parse().ok()),
    };
    if let (Identity::RmdNumber(_), Some(frn)) = (identity, frn) {
        reported = known(target, Identity::Frn(frn)).await?;
        filings = all_of(&reported);
    }
    let is_of_it = |number: &Number| match number {
        Number::Frn(number) => frn.is_some_and(|frn| *number == frn.to_string()),
        Number::RmdNumber(number) => {
            *number == identity.number_text() || filings.iter().any(|filing| filing.number == *number)
        }
    };
    let peers = all(target, RecordKind::Peer).await?;
    let mut bound =
        peers.iter().filter(|peer| peer.in_force).filter_map(|peer| peer.record.as_ref()?.provider.as_ref());
    let names = filings.iter().map(|filing| text::one_line(&filing.business_name));
    Ok(Provider {
        business_name: names.clone().find(|name| !name.is_empty()).unwrap_or_default(),
        frn,
        hands_calls_to_us: bound.any(is_of_it),
        status: status(&reported),
        as_of: reported.snapshot.as_ref().and_then(|snapshot| time_from_wire(snapshot.confirmed_at.as_ref()?)),
    })
}

/// The filings that stand, then those that are removed.
fn all_of(reported: &GetProviderResponse) -> Vec<Filing> {
    let removed = reported.removals.iter().filter_map(|removal| removal.filing.as_ref());
    reported.filings.iter().chain(removed).cloned().collect()
}

fn status(reported: &GetProviderResponse) -> FilingStatus {
    let stands: Vec<String> = reported.filings.iter().map(|filing| filing.number.clone()).collect();
    if !stands.is_empty() {
        return FilingStatus::Filed(stands);
    }
    let removed = reported.removals.iter().find(|removal| removal.reinstated_at.is_none());
    let first_missing =
        |removal: &v1::Removal| -> Option<Timestamp> { time_from_wire(removal.first_missing_at.as_ref()?) };
    match removed.and_then(|removal| Some((removal.filing.as_ref()?.number.clone(), first_missing(removal)?))) {
        Some((number, first_missing)) => FilingStatus::Removed { number, first_missing },
        None => FilingStatus::Unknown,
    }
}
