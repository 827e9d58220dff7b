//! `rmdd fleet upgrade`

use clap::Args;

use super::super::text::say;
use super::super::{Global, YES};
use super::AtHand;
use crate::fleet::upgrade::upgrade;

#[derive(Debug, Args)]
pub struct Upgrade {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Upgrade {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let at_hand = AtHand::new(global, "upgraded")?;
        let upgraded = upgrade(&at_hand.client()?).await?;
        let (name, from, to) = (&at_hand.fleet.name, upgraded.from, upgraded.to);
        if self.json {
            say!("{}", serde_json::json!({ "fleet": name, "id": upgraded.id.to_string(), "from": from, "to": to }));
            return Ok(YES);
        }
        match from == to {
            true => say!("The logs of the fleet {name} have format {to}, the newest that this version of rmdd knows."),
            false => say!(
                "The logs of the fleet {name} have format {to} from here on. A version of rmdd that does not read it stops there."
            ),
        }
        Ok(YES)
    }
}
