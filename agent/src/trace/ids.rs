//! Trace ids, span ids and trace flags: fixed-size values that cannot be wrong, and where new ones come from.
//!
//! Source: W3C Trace Context Level 2, sections 3.2.2.3 to 3.2.2.5.

use std::fmt;

/// A trace id: 16 bytes, never all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId([u8; 16]);

/// A span id (`parent-id` on the wire): 8 bytes, never all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId([u8; 8]);

/// The trace flags byte. Bit 0 is `sampled`, bit 1 is `random` (Level 2); the rest are unknown.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(u8);

/// Where new ids come from. A parameter, so that tests choose the ids.
pub trait RandomSource {
    /// 64 uniformly random bits.
    fn next_u64(&mut self) -> u64;
}

impl TraceId {
    /// The id of these bytes, or `None` when all are zero, which the specification forbids.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        (bytes != [0; 16]).then_some(Self(bytes))
    }

    /// The 16 bytes, as they go into OTLP.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// A new random id.
    pub fn random(random: &mut dyn RandomSource) -> Self {
        loop {
            let high = u128::from(random.next_u64()) << 64;
            if let Some(id) = Self::from_bytes((high | u128::from(random.next_u64())).to_be_bytes()) {
                return id;
            }
        }
    }
}

impl SpanId {
    /// The id of these bytes, or `None` when all are zero, which the specification forbids.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 8]) -> Option<Self> {
        (bytes != [0; 8]).then_some(Self(bytes))
    }

    /// The 8 bytes, as they go into OTLP.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 8] {
        &self.0
    }

    /// A new random id.
    pub fn random(random: &mut dyn RandomSource) -> Self {
        loop {
            if let Some(id) = Self::from_bytes(random.next_u64().to_be_bytes()) {
                return id;
            }
        }
    }
}

impl Flags {
    /// Bit 0: the caller recorded this trace.
    pub const SAMPLED: Self = Self(0x01);
    /// Bit 1: the low 56 bits of the trace id are random (Level 2).
    pub const RANDOM: Self = Self(0x02);

    /// The flags of this byte, unknown bits included.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        Self(byte)
    }

    /// The byte, unknown bits included.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These flags and those of `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Only the bits that Level 2 defines: what may be sent on when the header is changed.
    #[must_use]
    pub const fn known(self) -> Self {
        Self(self.0 & (Self::SAMPLED.0 | Self::RANDOM.0))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({self})")
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpanId({self})")
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({:02x})", self.0)
    }
}
