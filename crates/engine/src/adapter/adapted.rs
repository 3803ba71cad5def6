//! Which rows of a batch are computed with which adapter.

use super::{Adapter, Dropout, Target};
use kernels::{Span, Update};
use std::ops::Range;

/// The adapters of a batch by rows.
#[derive(Default)]
pub(crate) struct Adapted<'a> {
    /// In order; neighbours with one adapter are one entry.
    groups: Vec<(Range<usize>, &'a Adapter)>,
    /// In training, elements of an update's input that are left out.
    pub(crate) dropout: Option<Dropout>,
}

impl<'a> Adapted<'a> {
    /// One adapter, or none, for each span; no list at all is none anywhere.
    pub(crate) fn new(spans: &[Span<'_>], adapters: &[Option<&'a Adapter>]) -> Self {
        assert!(adapters.is_empty() || adapters.len() == spans.len(), "an adapter or none for each span");
        let rows = spans.iter().zip(adapters).filter_map(|(s, a)| Some((s.rows.clone(), (*a)?)));
        Adapted::of(rows)
    }

    /// The same adapters for a batch that is reduced to some of its rows, ascending.
    pub(crate) fn keep(&self, rows: &[usize]) -> Self {
        let position = |row: usize| rows.partition_point(|&kept| kept < row);
        let groups = self.groups.iter().map(|(r, a)| (position(r.start)..position(r.end), *a));
        Adapted::of(groups.filter(|(rows, _)| !rows.is_empty()))
    }

    /// The updates of one linear layer.
    pub(crate) fn updates(&self, layer: usize, target: Target) -> Vec<Update<'a>> {
        let update = |(rows, adapter): &(Range<usize>, &'a Adapter)| {
            let lora = adapter.get(layer, target)?;
            Some(Update { rows: rows.clone(), a: &lora.a, b: &lora.b, scale: lora.scale })
        };
        self.groups.iter().filter_map(update).collect()
    }

    /// Whether any adapter updates this layer.
    pub(crate) fn touches(&self, layer: usize, target: Target) -> bool {
        self.groups.iter().any(|(_, adapter)| adapter.get(layer, target).is_some())
    }

    fn of(rows: impl Iterator<Item = (Range<usize>, &'a Adapter)>) -> Self {
        let mut groups: Vec<(Range<usize>, &'a Adapter)> = Vec::new();
        for (rows, adapter) in rows {
            match groups.last_mut() {
                Some((last, same)) if last.end == rows.start && std::ptr::eq(*same, adapter) => {
                    last.end = rows.end
                }
                _ => groups.push((rows, adapter)),
            }
        }
        Adapted { groups, dropout: None }
    }
}
