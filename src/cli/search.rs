//! `rmdd search`

use clap::Args;

use super::screen::{Cell, Column, Table};
use super::target::{Access, Target};
use super::text::say;
use super::{Global, NO, YES, text};
use crate::api::grpc::v1::{NameMatch, SearchProvidersRequest};
use crate::api::json;
use crate::daemon::config::Overrides;
use crate::domain::visible;

#[derive(Debug, Args)]
pub struct Search {
    /// A name, or part of one.
    #[arg(value_name = "TEXT", required = true)]
    text: Vec<String>,
    /// At most so many answers.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

impl Search {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        if self.text.iter().all(|word| word.trim().is_empty()) {
            anyhow::bail!("there is nothing to search for: name a provider, or a part of its name");
        }
        let target = Target::find(global, &global.settings(Overrides::new())?, Access::Read).await?;
        let request = SearchProvidersRequest { text: self.text.join(" "), limit: self.limit };
        let found = target.search_providers(request).await?;
        let mut table = Table::new(&COLUMNS);
        for entry in &found.matches {
            if self.json {
                text::whole!("{}", visible::to_json(&json::NameMatch::from(entry))?);
            } else {
                add(&mut table, entry);
            }
        }
        table.print();
        if found.matches.is_empty() && !self.json {
            say!("No provider bears such a name; snapshot {}", text::snapshot(found.snapshot.as_ref()));
        }
        Ok(if found.matches.is_empty() { NO } else { YES })
    }
}

static COLUMNS: [Column; 6] = [
    Column::whole("STATE"),
    Column::whole("FILING"),
    Column::whole("FRN"),
    Column::text("NAME"),
    Column::text("FOUND BY ANOTHER NAME").from(70),
    Column::whole("FIRST MISSING").from(130),
];

fn add(table: &mut Table, found: &NameMatch) {
    let Some(filing) = &found.filing else { return };
    let state = match &found.removal {
        None => Cell::good("listed"),
        Some(_) => Cell::bad("removed"),
    };
    let name = text::one_line(&found.name);
    let by = match found.column.as_str() {
        "other_dba_names" => format!("doing business as {name}"),
        "previous_dba_names" => format!("formerly {name}"),
        _ => String::new(),
    };
    let gone = found.removal.as_ref().map(|removal| text::time(removal.first_missing_at.as_ref()));
    let cells = [
        state,
        Cell::plain(&filing.number),
        Cell::plain(&filing.frn),
        Cell::plain(text::one_line(&filing.business_name)),
        Cell::plain(by),
        Cell::plain(gone.unwrap_or_default()),
    ];
    table.add(cells, Vec::new());
}
