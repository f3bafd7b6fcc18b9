//! Loop detection: span ids that say, to those who know the request, how often it has been through a proxy.
//!
//! Stateless and without a header of our own, so that replicas and proxies that call each other recognise their
//! requests. An attempt's id is `36 random bits | 4 bits hops | 24 bits tag`; hops and tag are hidden by a hash of
//! trace id, request and random bits, so the id looks random. A parent-id whose tag fits was minted for the very
//! same trace, method, host and target: the request came back, or a chain of proxies relays it verbatim. Such chains
//! work while they are at most 16 deep.
//!
//! A foreign id is taken for a loop with a probability of 2^-28, and for an earlier hop (harmless) of 2^-24. The key
//! of the hash is public: whoever forges a tag gets his own request refused. A service that calls itself with another
//! path never counts, nor does a loop whose requests are forwarded without a new parent-id.

use super::ids::{RandomSource, SpanId, TraceId};

/// The most hops an id can tell of; a request that comes in with it is in a loop.
pub const MAX_HOPS: u8 = 15;

/// What makes two requests of a trace the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestIdentity<'a> {
    /// The request method.
    pub method: &'a [u8],
    /// The `Host` as received; empty when there is none.
    pub host: &'a [u8],
    /// The request target as received: path and query.
    pub target: &'a [u8],
}

/// A hash of a [`RequestIdentity`], the same in every build and on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl RequestIdentity<'_> {
    /// The hash of method, host and target. The lengths are part of it, so no byte can wander between them.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint([self.method, self.host, self.target].into_iter().fold(KEY, |state, text| {
            let (words, rest) = text.as_chunks::<8>();
            let state = words.iter().fold(state, |state, word| absorb(state, u64::from_le_bytes(*word)));
            let tail = rest.iter().fold(0, |tail, &byte| tail << 8 | u64::from(byte));
            absorb(absorb(state, tail), text.len() as u64)
        }))
    }
}

/// A new span id for an attempt that is the request's hop number `hops` (0 for the first; at most [`MAX_HOPS`]).
pub fn mint(trace: TraceId, request: Fingerprint, hops: u8, random: &mut dyn RandomSource) -> SpanId {
    let hops = u64::from(hops.min(MAX_HOPS));
    loop {
        let bits = random.next_u64() & RANDOM_BITS;
        let seal = seal(trace, request, bits);
        let id = bits | (hops ^ seal & 0xf) << TAG_BITS | tag(seal, hops);
        if let Some(id) = SpanId::from_bytes(id.to_be_bytes()) {
            return id;
        }
    }
}

/// The hops that `parent` tells of, or `None` when no proxy minted it for this trace and request.
#[must_use]
pub fn recognise(trace: TraceId, request: Fingerprint, parent: SpanId) -> Option<u8> {
    let id = u64::from_be_bytes(*parent.bytes());
    let seal = seal(trace, request, id & RANDOM_BITS);
    let hops = (id >> TAG_BITS ^ seal) & 0xf;
    (tag(seal, hops) == id & TAG_MASK).then_some(hops.to_le_bytes()[0])
}

const TAG_BITS: u32 = 24;
const TAG_MASK: u64 = (1 << TAG_BITS) - 1;
const RANDOM_BITS: u64 = !((1 << (TAG_BITS + 4)) - 1);

/// Starts every hash. Changing it, or the hash, makes proxies of different versions blind to each other's ids.
const KEY: u64 = u64::from_be_bytes(*b"thruline");

/// What hides the hops of an id with these random bits.
fn seal(trace: TraceId, request: Fingerprint, bits: u64) -> u64 {
    let trace = u128::from_be_bytes(*trace.bytes());
    let state = absorb(absorb(KEY, (trace >> 64) as u64), trace as u64);
    absorb(absorb(state, request.0), bits)
}

fn tag(seal: u64, hops: u64) -> u64 {
    absorb(seal, hops) >> (64 - TAG_BITS)
}

/// Adds a word to a hash: an odd multiple, then the finaliser of SplitMix64, in which every bit reaches every bit.
const fn absorb(state: u64, word: u64) -> u64 {
    let mut mixed = state.rotate_left(23) ^ word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests;
