//! A list that is empty for most of those who have one.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ops::{Deref, DerefMut};

/// As a `Vec`, in a third of the room while it is empty: a waiting call has several.
#[derive(Clone, Debug)]
#[expect(clippy::box_collection, reason = "the point of it: one word, not three")]
pub struct Few<T>(Option<Box<Vec<T>>>);

impl<T> Few<T> {
    /// Adds at the end.
    pub fn push(&mut self, item: T) {
        self.0.get_or_insert_default().push(item);
    }

    /// Keeps those that `keep` names.
    pub fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        if let Some(items) = &mut self.0 {
            items.retain(keep);
            if items.is_empty() {
                self.0 = None;
            }
        }
    }

    /// Drops all.
    pub fn clear(&mut self) {
        self.0 = None;
    }
}

impl<T> Default for Few<T> {
    fn default() -> Few<T> {
        Few(None)
    }
}

impl<T> From<Vec<T>> for Few<T> {
    fn from(items: Vec<T>) -> Few<T> {
        Few((!items.is_empty()).then(|| Box::new(items)))
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }
}

impl<T> DerefMut for Few<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.0.as_deref_mut().map_or(&mut [], Vec::as_mut_slice)
    }
}

impl<'a, T> IntoIterator for &'a Few<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T> IntoIterator for &'a mut Few<T> {
    type Item = &'a mut T;
    type IntoIter = std::slice::IterMut<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<T: Serialize> Serialize for Few<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Few<T>, D::Error> {
        Vec::deserialize(d).map(Few::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_a_list_and_none_take_a_word() {
        let mut few = Few::default();
        assert_eq!(serde_json::to_string(&few).expect("JSON"), "[]");
        for i in 0..5 {
            few.push(i);
        }
        few.retain(|i| i % 2 == 1);
        few[0] = 7;
        assert_eq!(&*few, [7, 3]);
        let text = serde_json::to_string(&few).expect("JSON");
        let read: Few<i32> = serde_json::from_str(&text).expect("a list");
        assert_eq!(*read, *few);
        few.retain(|_| false);
        assert!(few.0.is_none() && few.iter_mut().next().is_none());
        assert_eq!(size_of::<Few<u64>>(), size_of::<usize>());
    }

    #[test]
    fn a_waiting_call_stays_small() {
        // Hundreds of thousands may wait: a field more here is worth a thought. (The allocator's
        // sizes near these are 384 and 128 bytes; a shared row has two counters before it.)
        let call = size_of::<crate::engine::state::Call>();
        assert!(call <= 384, "{call}");
        assert!(size_of::<crate::domain::rows::CallRow>() <= 128 - 16);
        assert!(size_of::<crate::engine::vault::CallValues>() <= 24);
    }
}
