//! What the user side asks for on a connection: one word in an array, in the place that the connection's number gives.
//!
//! The word holds the number too, so that a wish for another connection in the same place is not mistaken for one for
//! this. It is read and written at once: a torn wish cannot be.

/// How many places there are.
pub const WISHES: u32 = 1 << 16;
/// Nothing more of the connection is captured.
pub const MUTE: u64 = 1;
/// The connection is captured whole.
pub const WHOLE: u64 = 2;

/// The place of a connection's wish.
#[must_use]
pub const fn place(number: u64) -> u32 {
    // The lowest byte is the processor's; the next two are nanoseconds, as good as random.
    ((number >> 8) as u32) & (WISHES - 1)
}

/// What `word` asks for on the connection of this number: bits of [`MUTE`] and [`WHOLE`], or 0.
#[must_use]
pub const fn for_connection(word: u64, number: u64) -> u64 {
    if word & !(MUTE | WHOLE) == number { word & (MUTE | WHOLE) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_for_one_connection() {
        let number = 0x1234_5678_9abc;
        assert_eq!(place(number), 0x789a);
        assert_eq!(for_connection(number | MUTE, number), MUTE);
        assert_eq!(for_connection(number | MUTE | WHOLE, number), MUTE | WHOLE);
        assert_eq!(for_connection(number | MUTE, number + (1 << 24)), 0, "another connection in the same place");
        assert_eq!(for_connection(0, number), 0, "no wish");
    }
}
