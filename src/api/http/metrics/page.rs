//! One page of metrics while it is written.

use std::fmt::Error;

use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::observe::histogram::Spread;

/// The labels of one series. Their values are words of ours, never what a client or the listing says.
pub type Labels<'a> = Vec<(&'static str, &'a str)>;

/// What a metric is called, what it means, and the unit that its name ends in.
pub struct Name {
    pub name: &'static str,
    pub unit: Option<Unit>,
    pub help: &'static str,
}

/// A metric that counts things.
pub fn of(name: &'static str, help: &'static str) -> Name {
    Name { name, unit: None, help }
}

/// A metric in seconds; its name ends in `_seconds`.
pub fn seconds(name: &'static str, help: &'static str) -> Name {
    Name { name, unit: Some(Unit::Seconds), help }
}

/// A metric in bytes; its name ends in `_bytes`.
pub fn bytes(name: &'static str, help: &'static str) -> Name {
    Name { name, unit: Some(Unit::Bytes), help }
}

pub struct Page<'a>(pub DescriptorEncoder<'a>);

impl Page<'_> {
    /// A value that goes up and down; left out where it is not known.
    pub fn gauge(&mut self, name: Name, value: Option<impl EncodeGaugeValue>) -> Result<(), Error> {
        self.gauges(name, value.map(|value| (Labels::new(), value)))
    }

    /// One for each set of labels.
    pub fn gauges<'l>(
        &mut self,
        name: Name,
        series: impl IntoIterator<Item = (Labels<'l>, impl EncodeGaugeValue)>,
    ) -> Result<(), Error> {
        self.each(name, MetricType::Gauge, series, |metric, value| metric.encode_gauge(value))
    }

    /// A value that only goes up.
    pub fn counter(&mut self, name: Name, value: Option<impl EncodeCounterValue>) -> Result<(), Error> {
        self.counters(name, value.map(|value| (Labels::new(), value)))
    }

    /// One for each set of labels.
    pub fn counters<'l>(
        &mut self,
        name: Name,
        series: impl IntoIterator<Item = (Labels<'l>, impl EncodeCounterValue)>,
    ) -> Result<(), Error> {
        self.each(name, MetricType::Counter, series, |metric, value| {
            metric.encode_counter::<NoLabelSet, _, u64>(value, None)
        })
    }

    /// Durations by how long they were, for each set of labels.
    pub fn histograms<'l>(
        &mut self,
        name: Name,
        series: impl IntoIterator<Item = (Labels<'l>, Spread)>,
    ) -> Result<(), Error> {
        self.each(name, MetricType::Histogram, series, |metric, spread| {
            metric.encode_histogram::<NoLabelSet>(spread.seconds(), spread.count(), &spread.in_seconds(), None)
        })
    }

    fn each<'l, V>(
        &mut self,
        name: Name,
        metric_type: MetricType,
        series: impl IntoIterator<Item = (Labels<'l>, V)>,
        encode: impl Fn(&mut MetricEncoder<'_>, &V) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Name { name, unit, help } = name;
        let mut metric = self.0.encode_descriptor(name, help, unit.as_ref(), metric_type)?;
        for (labels, value) in series {
            if labels.is_empty() {
                encode(&mut metric, &value)?;
            } else {
                encode(&mut metric.encode_family(&labels)?, &value)?;
            }
        }
        Ok(())
    }
}
