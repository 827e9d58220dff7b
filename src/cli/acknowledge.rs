//! `rmdd acknowledge`

use clap::Args;

use super::records::By;
use super::target::{Access, Target};
use super::text::say;
use super::{Global, YES, text};
use crate::api::grpc::v1::AcknowledgeRecordsRequest;
use crate::daemon::config::Overrides;

/// Takes note of what was lost of operators' records or of the past, or mended.
#[derive(Debug, Args)]
pub struct Acknowledge {
    #[command(flatten)]
    by: By,
}

impl Acknowledge {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let by = self.by.name()?;
        let target = Target::find(global, &global.settings(Overrides::new())?, Access::Maintain).await?;
        let answer = target.acknowledge_records(AcknowledgeRecordsRequest { by }).await?;
        if answer.noted_at.is_none() {
            say!(
                "{}  nothing was lost of operators' records, or mended, that nobody has acknowledged",
                text::good("NOTHING")
            );
            return Ok(YES);
        }
        say!("{}  what was found at {}", text::good("ACKNOWLEDGED"), text::time(answer.noted_at.as_ref()));
        for (word, sentences) in [("lost", &answer.lost), ("mended", &answer.mended)] {
            for sentence in sentences {
                text::fact(word, text::one_line(sentence));
            }
        }
        Ok(YES)
    }
}
