//! Whose records found no room in the ring buffer, from what the kernel programs remember of it. Pure.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use throughline_common::missing::Missing;

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Records of each entry that the kernel still remembers.
    by_number: HashMap<u64, u32>,
    /// Records of entries, those that are forgotten included.
    known: u64,
    /// Records in all.
    all: u64,
}

/// What is new.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// Entries with records that were not told yet, and how many: with the number of the connection, or of the process.
    pub(super) entries: Vec<(u64, Missing, u64)>,
    /// Records that no entry tells of: there were too many, or two came at once. They may have been anybody's.
    pub(super) unknown: u64,
}

impl Told {
    /// Whether there is anything to tell where so many records found no room in all.
    pub(super) const fn is_new(&self, all: u64) -> bool {
        all != self.all
    }

    /// Takes in what the kernel remembers, and how many records found no room in all. That number was asked for before.
    pub(super) fn news(&mut self, all: u64, entries: impl IntoIterator<Item = (u64, Missing)>) -> News {
        let mut news = News::default();
        let mut by_number = HashMap::new();
        for (number, missing) in entries {
            // The walk may begin anew on the way.
            let Entry::Vacant(place) = by_number.entry(number) else { continue };
            let records = missing.data.saturating_add(missing.other);
            let before = self.by_number.get(&number).copied().unwrap_or_default();
            // One that was forgotten and is remembered again begins at 0.
            let more = u64::from(if records < before { records } else { records - before });
            place.insert(records);
            if more > 0 {
                self.known = self.known.saturating_add(more);
                news.entries.push((number, missing, more));
            }
        }
        self.by_number = by_number;
        self.all = all;
        news.unknown = all.saturating_sub(self.known);
        self.known = self.known.max(all);
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_is_told_once() {
        let entry = |number: u64, data: u32, other: u32| (number, Missing { data, other, ..Missing::default() });
        type Row<'a> = (u64, &'a [(u64, Missing)], &'a [(u64, u64)], u64, &'a str);
        let rows: [Row<'_>; 6] = [
            (3, &[entry(1, 2, 1)], &[(1, 3)], 0, "all are known"),
            (3, &[entry(1, 2, 1)], &[], 0, "and were told"),
            (4, &[entry(1, 4, 1), entry(2, 1, 0)], &[(1, 2), (2, 1)], 0, "some came after they were counted"),
            (9, &[entry(1, 4, 1), entry(2, 1, 0)], &[], 3, "three that no entry tells of"),
            (10, &[entry(2, 2, 0)], &[(2, 1)], 0, "one entry is forgotten"),
            (
                12,
                &[entry(1, 1, 0), entry(1, 9, 9), entry(2, 2, 0)],
                &[(1, 1)],
                1,
                "and there again, seen twice on the way",
            ),
        ];
        let mut told = Told::default();
        for (all, entries, expected, unknown, why) in rows {
            let news = told.news(all, entries.iter().copied());
            let found: Vec<(u64, u64)> = news.entries.iter().map(|(number, _, more)| (*number, *more)).collect();
            assert_eq!((&*found, news.unknown), (expected, unknown), "{why}");
            assert!(!told.is_new(all) && told.is_new(all + 1), "{why}: until there are more");
        }
    }
}
