//! One record, or one for each provider, from the command line.

use clap::Args;

use super::{About, Global, YES, put, to_change};
use crate::clock;
use crate::domain::{Record, RecordKind};
use crate::records::fields::{Fields, read};
use crate::times::moment_written_out;

#[derive(Debug, Args)]
pub struct AddPeer {
    /// The switch's name for the upstream.
    #[arg(value_name = "NAME")]
    name: String,
    /// The provider: an FRN or an RMD number.
    #[arg(value_name = "WHO")]
    provider: String,
    /// What the name is: trunk_group, ocn, spc, ip or account.
    #[arg(long, value_name = "KIND", default_value = "trunk_group")]
    kind: String,
    /// The role in which it hands calls over where a question names none: voice_service, gateway or
    /// non_gateway_intermediate.
    #[arg(long, value_name = "R")]
    role: Option<String>,
    #[command(flatten)]
    about: About,
}

#[derive(Debug, Args)]
pub struct AddOverride {
    /// allow or deny.
    #[arg(value_name = "ACTION")]
    action: String,
    /// The providers: FRNs or RMD numbers.
    #[arg(value_name = "WHO", required = true)]
    providers: Vec<String>,
    #[command(flatten)]
    about: About,
}

#[derive(Debug, Args)]
pub struct AddOrder {
    /// What it does: removal, final_determination or show_cause.
    #[arg(value_name = "KIND")]
    kind: String,
    /// Its number, such as "DA 26-237".
    #[arg(value_name = "DOCUMENT")]
    document: String,
    /// The providers that it names: FRNs or RMD numbers.
    #[arg(value_name = "WHO", required = true)]
    providers: Vec<String>,
    /// The day of its release: YYYY-MM-DD.
    #[arg(long, value_name = "DAY")]
    released: Option<String>,
    #[command(flatten)]
    about: About,
}

#[derive(Debug, Args)]
pub struct AddNotice {
    /// Your name for it.
    #[arg(value_name = "ID")]
    id: String,
    /// The provider that was notified: an FRN or an RMD number.
    #[arg(value_name = "WHO")]
    provider: String,
    /// Its time stamp, such as "2023-01-24 20:15 UTC". Of a day alone it is taken for the day's end in Washington.
    #[arg(long, value_name = "TIME", value_parser = moment_written_out)]
    issued_at: Option<String>,
    /// The FCC's name for it.
    #[arg(long, value_name = "TEXT")]
    document: Option<String>,
    #[command(flatten)]
    about: About,
}

/// Puts one record in for each provider.
async fn add(
    global: &Global,
    kind: RecordKind,
    about: &About,
    providers: &[String],
    says: &[(&str, Option<&str>)],
) -> anyhow::Result<u8> {
    let (by, now) = (about.by.name()?, clock::now());
    let mut records: Vec<Record> = Vec::new();
    for provider in providers {
        let mut fields = Fields::default();
        let common = [
            ("provider", Some(provider.as_str())),
            ("why", about.why.as_deref()),
            ("expires_at", about.expires.as_deref()),
        ];
        for (name, text) in says.iter().chain(&common) {
            fields.set(name, text.unwrap_or_default());
        }
        let record = read(kind, &fields, &by, now).and_then(|record| record.check(now).map(|()| record));
        records.push(record.map_err(|bad| anyhow::anyhow!("nothing was changed: {bad}"))?);
    }
    put(&to_change(global).await?, &records, about.replace, &by).await?;
    Ok(YES)
}

impl AddPeer {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let says = [("name", Some(self.name.as_str())), ("kind", Some(&self.kind)), ("role", self.role.as_deref())];
        add(global, RecordKind::Peer, &self.about, &[self.provider], &says).await
    }
}

impl AddOverride {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let says = [("action", Some(self.action.as_str()))];
        add(global, RecordKind::Override, &self.about, &self.providers, &says).await
    }
}

impl AddOrder {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let says = [
            ("kind", Some(self.kind.as_str())),
            ("document", Some(&self.document)),
            ("released", self.released.as_deref()),
        ];
        add(global, RecordKind::Order, &self.about, &self.providers, &says).await
    }
}

impl AddNotice {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let says = [
            ("id", Some(self.id.as_str())),
            ("issued_at", self.issued_at.as_deref()),
            ("document", self.document.as_deref()),
        ];
        add(global, RecordKind::Notice, &self.about, &[self.provider], &says).await
    }
}
