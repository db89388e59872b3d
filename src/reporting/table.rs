//! Rows by id, and in the order of their last change.

use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;

/// Rows of one kind. "What changed since" walks only what changed.
#[derive(Debug)]
pub(super) struct Table<K, R> {
    /// For look-ups only; walks use `order`.
    places: FxHashMap<K, Place>,
    /// The rows by their last change.
    order: BTreeMap<Place, (K, Arc<R>)>,
    /// The last that was given.
    last: Place,
}

/// When a row last changed: the sequence in the upper 44 bits, below it a count that tells changes of
/// the same sequence apart. In one word, since every row has two.
type Place = u64;

/// Bits of the count within a sequence.
const COUNT_BITS: u32 = 20;

impl<K, R> Default for Table<K, R> {
    fn default() -> Self {
        Table { places: FxHashMap::default(), order: BTreeMap::new(), last: 0 }
    }
}

impl<K: Clone + Eq + Hash, R> Table<K, R> {
    /// Puts `row` in as changed at `seq`; answers the row it replaces.
    pub(super) fn put(&mut self, id: K, seq: u64, row: Arc<R>) -> Option<Arc<R>> {
        // Changes come in the order of their sequences.
        let place = (self.last + 1).max(seq << COUNT_BITS);
        self.last = place;
        let old = self.places.insert(id.clone(), place);
        let old = old.and_then(|was| self.order.remove(&was));
        self.order.insert(place, (id, row));
        old.map(|(_, row)| row)
    }

    /// Takes the row out; answers it.
    pub(super) fn remove(&mut self, id: &K) -> Option<Arc<R>> {
        let place = self.places.remove(id)?;
        self.order.remove(&place).map(|(_, row)| row)
    }

    pub(super) fn get(&self, id: &K) -> Option<&Arc<R>> {
        let place = self.places.get(id)?;
        self.order.get(place).map(|(_, row)| row)
    }

    pub(super) fn contains(&self, id: &K) -> bool {
        self.places.contains_key(id)
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Rows changed at `seq` or after, the oldest change first.
    pub(super) fn starting(&self, seq: u64) -> impl Iterator<Item = &Arc<R>> {
        self.order.range(seq << COUNT_BITS..).map(|(_, (_, row))| row)
    }

    /// Every row with the sequence of its last change, the oldest change first.
    pub(super) fn all(&self) -> impl Iterator<Item = (u64, &Arc<R>)> {
        self.order.iter().map(|(place, (_, row))| (place >> COUNT_BITS, row))
    }
}
