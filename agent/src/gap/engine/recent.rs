//! A map that forgets: it holds at least so many of the last keys, and at most twice as many.

use super::hash::{IdMap, Seeded};

/// Two generations of entries; when the young one is full it becomes the old one, and the old one is dropped.
#[derive(Debug)]
pub(super) struct Recent<V> {
    young: IdMap<u64, V>,
    old: IdMap<u64, V>,
    size: usize,
}

impl<V: Copy> Recent<V> {
    /// An empty one that remembers at least `size` keys.
    pub(super) fn new(size: usize, seed: u64) -> Self {
        Self { young: IdMap::with_hasher(Seeded(seed)), old: IdMap::with_hasher(Seeded(seed)), size }
    }

    /// What is remembered of this key.
    pub(super) fn get(&self, key: u64) -> Option<V> {
        self.young.get(&key).or_else(|| self.old.get(&key)).copied()
    }

    /// Remembers this key.
    pub(super) fn put(&mut self, key: u64, value: V) {
        if self.young.len() >= self.size && !self.young.contains_key(&key) {
            self.old = std::mem::replace(&mut self.young, IdMap::with_hasher(*self.old.hasher()));
        }
        self.young.insert(key, value);
    }

    /// What was remembered of this key; remembers `value` where it was nothing.
    pub(super) fn get_or_put(&mut self, key: u64, value: V) -> Option<V> {
        let known = self.get(key);
        if known.is_none() {
            self.put(key, value);
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_forgets_the_oldest() {
        let mut recent = Recent::new(4, 1);
        (0..10).for_each(|key| recent.put(key, key));
        assert_eq!(recent.get(0), None, "long gone");
        assert!((6..10).all(|key| recent.get(key) == Some(key)), "the last four are there");
        assert!((0..10).filter(|key| recent.get(*key).is_some()).count() <= 8, "at most twice the size");
        assert_eq!((recent.get_or_put(9, 1), recent.get_or_put(77, 1)), (Some(9), None), "the first value stays");
    }
}
