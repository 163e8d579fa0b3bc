//! Where the numbers live: families by name, series by labels.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Labels;

/// Series of one name. Peers and streams make labels, so their number needs an end; a thousand
/// streams with a few outcomes each stay far below it.
pub(super) const MAX_SERIES: usize = 4_096;

/// What the label values of everything past `MAX_SERIES` become.
const OVERFLOW: &str = "other";

/// What a name stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram(Arc<Vec<f64>>),
}

impl Kind {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }

    fn new_series(&self) -> Series {
        match self {
            Self::Counter | Self::Gauge => Series::Number(Arc::default()),
            Self::Histogram(bounds) => Series::Buckets(Arc::new(Buckets::new(bounds.clone()))),
        }
    }
}

/// The numbers behind one name and set of labels.
#[derive(Clone, Debug)]
pub(super) enum Series {
    /// A float as bits.
    Number(Arc<AtomicU64>),
    Buckets(Arc<Buckets>),
}

/// The counts of a histogram.
#[derive(Debug)]
pub(super) struct Buckets {
    pub(super) bounds: Arc<Vec<f64>>,
    /// One for each bound and a last one for what exceeds all; not cumulative.
    pub(super) counts: Vec<AtomicU64>,
    /// A float as bits.
    pub(super) sum: AtomicU64,
}

impl Buckets {
    pub(super) fn new(bounds: Arc<Vec<f64>>) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self {
            bounds,
            counts,
            sum: AtomicU64::new(0),
        }
    }

    pub(super) fn record(&self, value: f64) {
        if value.is_nan() {
            return;
        }
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        super::add(&self.sum, value);
    }
}

/// Ascending, distinct and finite, whatever came in.
pub(super) fn tidy_bounds(bounds: &[f64]) -> Arc<Vec<f64>> {
    let mut bounds: Vec<f64> = bounds
        .iter()
        .copied()
        .filter(|bound| bound.is_finite())
        .collect();
    bounds.sort_by(f64::total_cmp);
    bounds.dedup();
    Arc::new(bounds)
}

/// Key and value of each label, in printed order.
pub(super) type OwnedLabels = Vec<(&'static str, String)>;

/// All series of one name.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) kind: Kind,
    pub(super) series: BTreeMap<OwnedLabels, Series>,
}

/// All families. Names are `&'static str`, so their number is bounded by the program text.
#[derive(Debug, Default)]
pub(super) struct Registry {
    families: Mutex<BTreeMap<&'static str, Family>>,
    helps: Mutex<BTreeMap<&'static str, &'static str>>,
}

impl Registry {
    /// The series of this name and these labels, made where missing. A name that already stands
    /// for another kind gets a series nobody sees, and the log says so: it is a bug of ours.
    pub(super) fn series(
        &self,
        name: &'static str,
        kind: &Kind,
        base: &OwnedLabels,
        labels: Labels<'_>,
    ) -> Series {
        let mut families = self.families();
        let family = families.entry(name).or_insert_with(|| Family {
            kind: kind.clone(),
            series: BTreeMap::new(),
        });
        if family.kind.name() != kind.name() {
            tracing::error!(
                name,
                is = family.kind.name(),
                wanted = kind.name(),
                "metric misused"
            );
            return kind.new_series();
        }
        let mut key = base.clone();
        key.extend(
            labels
                .iter()
                .map(|(label, value)| (*label, (*value).to_owned())),
        );
        if family.series.len() >= MAX_SERIES && !family.series.contains_key(&key) {
            for (_, value) in key.iter_mut().skip(base.len()) {
                OVERFLOW.clone_into(value);
            }
        }
        let kind = &family.kind;
        family
            .series
            .entry(key)
            .or_insert_with(|| kind.new_series())
            .clone()
    }

    pub(super) fn forget(&self, label: &str, value: &str) {
        for family in self.families().values_mut() {
            family
                .series
                .retain(|labels, _| !labels.iter().any(|(key, is)| *key == label && is == value));
        }
    }

    pub(super) fn describe(&self, name: &'static str, help: &'static str) {
        self.helps
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, help);
    }

    pub(super) fn help(&self, name: &str) -> Option<&'static str> {
        self.helps
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .copied()
    }

    pub(super) fn families(&self) -> MutexGuard<'_, BTreeMap<&'static str, Family>> {
        // Maps of shared cells: whatever a panicking holder did is whole.
        self.families.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
