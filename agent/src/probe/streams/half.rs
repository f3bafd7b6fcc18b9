//! One direction of a connection: how far its bytes are known, and what is missing between two records.

use throughline_common::record::{Header, flags};

/// How far one direction is known. It begins where the kernel programs began to count.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Half {
    /// Place of the next byte.
    at: u64,
    /// Number of the next record.
    sequence: u32,
    /// When the last bytes went, as far as that is known.
    pub(super) time: u64,
    /// Bytes captured in this turn.
    captured: u64,
    /// The last record said that there was more than it carries.
    is_cut: bool,
}

/// What a record adds to its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// Bytes before it that went by unseen.
    pub(super) hole: u64,
    /// Records are missing, and bytes with them.
    pub(super) is_hit: bool,
    /// Bytes at the beginning of its data that were taken for unseen already.
    pub(super) stale: usize,
    /// Bytes behind its data that went by unseen.
    pub(super) rest: u64,
}

impl Half {
    /// Whether bytes had gone by `offset` that no record has brought: those were lost, or not captured.
    pub(super) const fn is_behind(&self, offset: u64) -> bool {
        self.at < offset
    }

    /// Takes in a record of this direction.
    pub(super) fn step(&mut self, header: &Header, length: usize) -> Step {
        let begins_turn = header.flags & flags::TURN != 0;
        if begins_turn {
            (self.captured, self.is_cut) = (0, false);
        }
        let length = length as u64;
        let hole = header.offset.saturating_sub(self.at);
        let stale = self.at.saturating_sub(header.offset).min(length);
        let is_hit = hole > 0 && header.sequence != self.sequence;
        self.sequence = header.sequence.wrapping_add(1);
        self.captured = self.captured.saturating_add(length);
        self.time = self.time.max(header.time);
        let carried = header.offset.saturating_add(length);
        // A record that is not the last of its call is followed by one with the rest.
        let is_last = header.flags & (flags::CUT | flags::LAST | flags::OPAQUE) != 0;
        let moved = header.offset.saturating_add(u64::from(header.moved));
        self.is_cut = is_last && moved > carried;
        let end = if is_last { moved.max(carried) } else { carried };
        let rest = end.saturating_sub(self.at.max(carried));
        self.at = self.at.max(end);
        Step { hole, is_hit, stale: usize::try_from(stale).unwrap_or(usize::MAX), rest }
    }

    /// Bytes went until `offset` and `time`, says the other direction's turn, or the end. How many of them went by unseen,
    /// and whether they should have been seen: fewer than `most` of the turn were captured before. The turn is over.
    pub(super) fn catch_up(&mut self, offset: u64, time: u64, most: u64) -> (u64, bool) {
        self.time = self.time.max(time);
        let unseen = offset.saturating_sub(self.at);
        self.at = self.at.max(offset);
        let is_hit = unseen > 0 && !self.is_cut && self.captured < most;
        (self.captured, self.is_cut) = (0, false);
        (unseen, is_hit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: u64, length: u32, moved: u32, sequence: u32, flags: u16) -> (Header, usize) {
        (Header { offset, length, moved, sequence, flags, ..Header::default() }, length as usize)
    }

    #[test]
    fn what_is_missing_is_told_by_places_and_numbers() {
        const END: u16 = flags::LAST;
        let nothing = Step { hole: 0, is_hit: false, stale: 0, rest: 0 };
        let rows = [
            (record(0, 10, 10, 0, flags::TURN | END), nothing, "the first"),
            (record(10, 4, 9, 1, 0), nothing, "the first part of a call"),
            (record(14, 5, 5, 2, END), nothing, "its last part"),
            (record(19, 4, 100, 3, flags::CUT | END), Step { rest: 96, ..nothing }, "more than a record carries"),
            (record(119, 1, 1, 4, END), nothing, "which was counted"),
            (record(130, 1, 1, 5, END), Step { hole: 10, ..nothing }, "bytes that were not captured"),
            (record(140, 1, 1, 7, END), Step { hole: 9, is_hit: true, ..nothing }, "a record found no room"),
            (record(141, 1, 1, 9, END), nothing, "a number without bytes"),
            (record(142, 0, 50, 10, flags::OPAQUE | END), Step { rest: 50, ..nothing }, "bytes that cannot be read"),
            (record(190, 4, 4, 11, END), Step { stale: 2, ..nothing }, "bytes that were taken for unseen"),
        ];
        let mut half = Half::default();
        for ((header, length), expected, reason) in rows {
            assert_eq!(half.step(&header, length), expected, "{reason}");
        }
    }

    #[test]
    fn the_other_direction_knows_how_far_this_one_came() {
        let half = || {
            let mut half = Half::default();
            let (header, length) = record(0, 10, 10, 0, flags::TURN | flags::LAST);
            half.step(&header, length);
            assert!(!half.is_behind(10) && half.is_behind(11));
            half
        };
        assert_eq!(half().catch_up(10, 5, 16), (0, false), "all of it was seen");
        assert_eq!(half().catch_up(14, 6, 16), (4, true), "there was room for more");
        let mut half = half();
        assert_eq!(half.catch_up(14, 6, 10), (4, false), "the turn was captured as far as it is");
        assert_eq!(half.catch_up(18, 7, 10), (4, true), "of the next turn nothing was");
        assert_eq!(half.time, 7);
    }
}
