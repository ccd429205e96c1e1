//! The metrics of a module, with Envoy's rules for each kind.

use crate::abi::Status;
use std::collections::BTreeMap;

/// The kind of a metric.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MetricKind {
    /// A number that only grows.
    Counter,
    /// A number that grows and shrinks.
    Gauge,
    /// A distribution; the harness stores every sample.
    Histogram,
}

/// One metric with its value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Metric {
    /// The kind.
    pub kind: MetricKind,
    /// The value; for a histogram, the number of samples.
    pub value: u64,
    /// The samples of a histogram.
    pub samples: Vec<u64>,
}

/// All metrics of a plugin. As in Envoy, they continue after a reload of the VM.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    names: Vec<Vec<u8>>,
    by_name: BTreeMap<Vec<u8>, Metric>,
}

impl Metrics {
    /// Returns the value of the metric with this name.
    pub fn value(&self, name: &str) -> Option<u64> {
        self.get(name).map(|metric| metric.value)
    }

    /// Returns the metric with this name.
    pub fn get(&self, name: &str) -> Option<&Metric> {
        self.by_name.get(name.as_bytes())
    }

    /// Returns every metric, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Metric)> {
        self.by_name.iter().map(|(name, metric)| (name.as_slice(), metric))
    }

    pub(crate) fn define(&mut self, kind: u32, name: Vec<u8>) -> Result<u32, Status> {
        let kind = match kind {
            0 => MetricKind::Counter,
            1 => MetricKind::Gauge,
            2 => MetricKind::Histogram,
            _ => return Err(Status::BadArgument),
        };
        self.by_name.entry(name.clone()).or_insert(Metric { kind, value: 0, samples: Vec::new() });
        self.names.push(name);
        u32::try_from(self.names.len()).map_err(|_| Status::InternalFailure)
    }

    pub(crate) fn increment(&mut self, id: u32, offset: i64) -> Result<(), Status> {
        let metric = self.by_id(id)?;
        match metric.kind {
            MetricKind::Counter if offset <= 0 => return Err(Status::BadArgument),
            MetricKind::Counter | MetricKind::Gauge => {
                metric.value = metric.value.saturating_add_signed(offset);
            }
            MetricKind::Histogram => return Err(Status::BadArgument),
        }
        Ok(())
    }

    pub(crate) fn record(&mut self, id: u32, value: u64) -> Result<(), Status> {
        let metric = self.by_id(id)?;
        match metric.kind {
            MetricKind::Counter => metric.value = metric.value.saturating_add(value),
            MetricKind::Gauge => metric.value = value,
            MetricKind::Histogram => {
                metric.value = metric.value.saturating_add(1);
                metric.samples.push(value);
            }
        }
        Ok(())
    }

    pub(crate) fn read(&mut self, id: u32) -> Result<u64, Status> {
        let metric = self.by_id(id)?;
        match metric.kind {
            MetricKind::Histogram => Err(Status::BadArgument),
            MetricKind::Counter | MetricKind::Gauge => Ok(metric.value),
        }
    }

    fn by_id(&mut self, id: u32) -> Result<&mut Metric, Status> {
        let index = usize::try_from(id).ok().and_then(|id| id.checked_sub(1)).ok_or(Status::NotFound)?;
        let name = self.names.get(index).ok_or(Status::NotFound)?;
        self.by_name.get_mut(name).ok_or(Status::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_accepts_only_the_operations_of_its_kind() {
        let mut metrics = Metrics::default();
        let counter = metrics.define(0, b"c".to_vec()).unwrap();
        let gauge = metrics.define(1, b"g".to_vec()).unwrap();
        let histogram = metrics.define(2, b"h".to_vec()).unwrap();

        assert_eq!(metrics.increment(counter, 2), Ok(()));
        assert_eq!(metrics.increment(counter, -1), Err(Status::BadArgument));
        assert_eq!(metrics.increment(gauge, 5), Ok(()));
        assert_eq!(metrics.increment(gauge, -2), Ok(()));
        assert_eq!(metrics.record(histogram, 7), Ok(()));
        assert_eq!(metrics.read(histogram), Err(Status::BadArgument));
        assert_eq!(metrics.read(99), Err(Status::NotFound));
        assert_eq!(metrics.define(9, b"x".to_vec()), Err(Status::BadArgument));
        assert_eq!((metrics.value("c"), metrics.value("g"), metrics.value("h")), (Some(2), Some(3), Some(1)));
    }
}
