//! What sites tell of themselves and which of them live, kept from look to look, so that a look brings what has changed alone.
//!
//! All of it is read again now and then: what has changed is told by etcd's revisions, and those repeat after a restore. What
//! is kept so is shown, and nothing is decided by it: whoever decides reads all ([`Around::whole`]).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::client::Client;
use super::engine::{EngineError, Found, Read};
use super::keys::behind;
use super::said::{Alive, SiteSays};

/// All is read again where a site has gone, but no sooner than after so long, and so much for each site: every site reads of every
/// other.
const WHOLE: Duration = Duration::from_secs(5);
const WHOLE_EACH: Duration = Duration::from_secs(1);

/// ... and so much more seldom where none has.
const UNASKED: u32 = 10;

/// What is known of all sites.
#[derive(Debug, Default)]
pub struct Around {
    sites: BTreeMap<String, Option<SiteSays>>,
    living: BTreeMap<String, Option<Alive>>,
    /// As of which revision of which cluster.
    as_of: Option<(u64, i64)>,
    /// When all was read, on a clock that only goes on.
    whole: Option<Instant>,
    /// When it was last looked what has changed.
    looked: Option<Instant>,
    told: Told,
}

/// What time it was by the clocks of sites when they last told something of themselves, and when that was seen here, no more than
/// [`AT_ONCE`] later.
pub type Told = BTreeMap<String, (Timestamp, Instant)>;

/// What has changed between two looks that are no further apart was said a moment ago.
pub const AT_ONCE: Duration = Duration::from_secs(30);

impl Around {
    /// All that is known of them now, of one moment.
    ///
    /// # Errors
    ///
    /// If etcd does not answer.
    pub async fn whole(client: &Client) -> Result<Self, EngineError> {
        let found = read(client, 0).await?;
        let mut around = Self { as_of: Some((found.cluster, found.revision)), ..Self::default() };
        around.take(client, &found);
        around.whole = Some(Instant::now());
        Ok(around)
    }

    /// Looks what has changed.
    ///
    /// # Errors
    ///
    /// If etcd does not answer. What was known is known still.
    pub async fn look(&mut self, client: &Client) -> Result<(), EngineError> {
        let pause = WHOLE.max(WHOLE_EACH * u32::try_from(self.sites.len()).unwrap_or(u32::MAX));
        let since = self.whole.map_or(Duration::MAX, |whole| whole.elapsed());
        if since < pause * UNASKED {
            let all_known = self.changed(client).await?;
            if all_known || since < pause {
                return Ok(());
            }
        }
        let whole = Self::whole(client).await?;
        *self = Self { looked: self.looked, told: std::mem::take(&mut self.told), ..whole };
        Ok(())
    }

    /// Takes what has changed. Says whether all is known then: what has gone is known by its absence from a whole read alone.
    async fn changed(&mut self, client: &Client) -> Result<bool, EngineError> {
        let Some((cluster, revision)) = self.as_of else { return Ok(false) };
        let found = read(client, revision + 1).await?;
        if found.cluster != cluster || found.revision < revision {
            return Ok(false);
        }
        self.take(client, &found);
        self.note_told(client, &found);
        self.as_of = Some((cluster, found.revision));
        Ok(found.counts == [self.sites.len() as u64, self.living.len() as u64])
    }

    /// Notes by whose clock it was what time a moment ago.
    fn note_told(&mut self, client: &Client, found: &Found) {
        let now = Instant::now();
        let before = self.looked.replace(now);
        if before.or(self.whole).is_none_or(|before| now.duration_since(before) > AT_ONCE) {
            return;
        }
        let sites = client.keys.sites();
        for name in found.pairs.iter().flatten().filter_map(|pair| pair.key.strip_prefix(&sites)) {
            if let Some(Some(says)) = self.sites.get(name) {
                self.told.insert(name.to_owned(), (says.at, now));
            }
        }
    }

    /// What time it was by the clocks of those that live.
    pub fn told(&self) -> Told {
        let living = |(name, _): &(&String, &(Timestamp, Instant))| self.living.contains_key(*name);
        self.told.iter().filter(living).map(|(name, told)| (name.clone(), *told)).collect()
    }

    fn take(&mut self, client: &Client, found: &Found) {
        let [sites, living] = [client.keys.sites(), client.keys.living()];
        for pair in found.pairs.iter().flatten() {
            if let Some(name) = pair.key.strip_prefix(&sites) {
                self.sites.insert(name.to_owned(), SiteSays::from_bytes(&pair.value).ok());
            } else if let Some(name) = pair.key.strip_prefix(&living) {
                self.living.insert(name.to_owned(), Alive::from_bytes(&pair.value).ok());
            }
        }
    }

    /// How many sites there are.
    pub fn count(&self) -> usize {
        self.sites.len()
    }

    /// The names of those that live, also where what they tell of themselves cannot be read.
    pub fn living(&self) -> impl Iterator<Item = &String> {
        self.living.keys()
    }

    /// What sites tell of themselves, by their names, and since when they live if they do.
    pub fn sites(&self) -> impl Iterator<Item = (&String, &SiteSays, Option<&Alive>)> {
        let alive = |name: &String| self.living.get(name).and_then(Option::as_ref);
        self.sites.iter().filter_map(move |(name, says)| Some((name, says.as_ref()?, alive(name))))
    }
}

/// What has come to stand since a revision, of one moment.
async fn read(client: &Client, since: i64) -> Result<Found, EngineError> {
    let all = |from: String| Read::Since { below: behind(&from), from, since };
    client.engine.read(&[all(client.keys.sites()), all(client.keys.living())]).await
}
