//! One record, or one for each provider, from the command line.

use anyhow::anyhow;
use clap::Args;

use super::super::{text, words};
use super::kept::keep_what_came_later;
use super::providers::Providers;
use super::{About, Global, YES, flags, on_record, put, say, to_change};
use crate::api::times::moment_written_out;
use crate::domain::{BadField, Identity, Record, RecordBody, RecordKind, Who};
use crate::observe::clock;
use crate::records::fields::{Fields, read};

#[derive(Debug, Args)]
pub struct AddPeer {
    /// The switch's name for the upstream, digits alone not excepted. An IP address may be a network: 192.0.2.0/24.
    #[arg(value_name = "NAME")]
    name: String,
    /// The provider: an FRN, an RMD number, or a peer that is bound to it already.
    #[arg(value_name = "WHO")]
    provider: String,
    /// What the name is: trunk_group, ocn, spc, ip or account.
    #[arg(long, value_name = "KIND", default_value = "trunk_group", value_parser = words::text_like(words::PEER_KINDS), hide_possible_values = true)]
    kind: String,
    /// The role in which it hands calls over where a question names none: voice_service, gateway or
    /// non_gateway_intermediate, or any for none [default: that of the peer that WHO names, if WHO is one].
    #[arg(long, value_name = "R", value_parser = words::text_like(words::ROLES_OR_ANY), hide_possible_values = true)]
    role: Option<String>,
    #[command(flatten)]
    about: About,
}

#[derive(Debug, Args)]
pub struct AddOverride {
    /// allow or deny.
    #[arg(value_name = "ACTION", value_parser = words::text_like(words::OVERRIDE_ACTIONS), hide_possible_values = true)]
    action: String,
    /// The providers: FRNs, RMD numbers, OCNs or peers' names that are bound to one.
    #[arg(value_name = "WHO", required = true)]
    providers: Vec<String>,
    #[command(flatten)]
    about: About,
}

#[derive(Debug, Args)]
pub struct AddOrder {
    /// What it does: removal, final_determination or show_cause.
    #[arg(value_name = "KIND", value_parser = words::text_like(words::ORDER_KINDS), hide_possible_values = true)]
    kind: String,
    /// Its number, such as "DA 26-237".
    #[arg(value_name = "DOCUMENT")]
    document: String,
    /// The providers that it names: FRNs, RMD numbers, OCNs or peers' names that are bound to one.
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
    /// The provider that was notified: an FRN, an RMD number, or an OCN or peer's name that is bound to one.
    #[arg(value_name = "WHO")]
    provider: String,
    /// Its time stamp, such as "2023-01-24 20:15 UTC". Of a day alone it is taken for the day's end in Washington.
    #[arg(long, value_name = "TIME", value_parser = moment_written_out)]
    issued_at: Option<String>,
    /// The FCC's name for it.
    #[arg(long, value_name = "TEXT")]
    document: Option<String>,
    /// Why you find that you may block, as written for the Commission: `notices report` prints it, and never --why.
    #[arg(long, value_name = "TEXT")]
    basis: Option<String>,
    #[command(flatten)]
    about: About,
}

/// In place of the providers until they are found: what else is wrong is said before anybody is asked.
const SOMEBODY: &str = "1";

/// Puts one record in for each provider.
async fn add(
    global: &Global,
    kind: RecordKind,
    about: &About,
    providers: &[String],
    says: &[(&str, Option<&str>)],
) -> anyhow::Result<u8> {
    let (by, now) = (about.by.name()?, clock::now());
    let mut fields = Fields::default();
    let common =
        [("provider", Some(SOMEBODY)), ("why", about.why.as_deref()), ("expires_at", about.expires.as_deref())];
    for (name, text) in says.iter().chain(&common) {
        fields.set(name, text.unwrap_or_default());
    }
    let bad = |bad: BadField| anyhow!("nothing was changed: {}", flags::in_words(kind, &bad));
    let record = read(kind, &fields, &by, now).and_then(|record| record.check(now).map(|()| record)).map_err(bad)?;
    for provider in providers {
        Who::readings(provider).map_err(|error| anyhow!("nothing was changed: WHO: {error}"))?;
    }
    let target = to_change(global).await?;
    let mut found = Providers::of(&target);
    let mut records: Vec<Record> = Vec::new();
    let mut taken_over = None;
    for text in providers {
        let provider = found.find_to_change(text).await?;
        let mut record = Record { provider: provider.identity, ..record.clone() };
        if says.iter().all(|(field, text)| *field != "role" || text.is_none())
            && let RecordBody::Peer(peer) = &mut record.body
        {
            // Whoever is bound as another peer is hands calls over as that one does.
            peer.role = provider.role;
            taken_over = provider.role.map(|role| (text.trim().to_owned(), role));
        }
        if about.replace
            && let Some(before) = on_record(&target, kind, &record.id()).await?
        {
            record.revision = before.revision;
            keep_what_came_later(&mut record, before);
            record.check(now).map_err(bad)?;
        }
        records.push(record);
    }
    put(&target, &records, about.replace, &by).await.map_err(|error| flags::explain(kind, error, providers))?;
    found.say().await;
    if let Some((peer, role)) = taken_over {
        say!("Its role, {role}, is that of {}: --role says another, or any for none", text::one_line(&peer));
    }
    Ok(YES)
}

impl AddPeer {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let says = [("name", Some(self.name.as_str())), ("kind", Some(&self.kind)), ("role", self.role.as_deref())];
        let status = add(global, RecordKind::Peer, &self.about, &[self.provider], &says).await?;
        // Said once, to whoever will have to write it.
        if self.name.parse::<Identity>().is_ok() {
            say!("Asked for as peer:{}: without peer: in front it may be taken for a number", self.name.trim());
        }
        Ok(status)
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
            ("basis", self.basis.as_deref()),
        ];
        add(global, RecordKind::Notice, &self.about, &[self.provider], &says).await
    }
}
