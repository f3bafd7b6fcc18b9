//! Minting and recognising, that nothing else is recognised, and that ids look random.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap fails the test")]

use proptest::prelude::*;

use super::*;

/// SplitMix64: good enough to stand for random bits in a test.
struct Stream(u64);

impl RandomSource for Stream {
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        absorb(self.0, 0)
    }
}

fn trace(number: u128) -> TraceId {
    TraceId::from_bytes(number.to_be_bytes()).unwrap()
}

fn request<'a>(method: &'a [u8], host: &'a [u8], target: &'a [u8]) -> Fingerprint {
    RequestIdentity { method, host, target }.fingerprint()
}

#[test]
fn what_belongs_to_another_request_is_not_recognised() {
    let own = request(b"GET", b"shop:80", b"/cart?id=1");
    let id = mint(trace(7), own, 3, &mut Stream(1));
    assert_eq!(recognise(trace(7), own, id), Some(3));
    let rows = [
        ("another trace", trace(8), own),
        ("another half of the trace id", trace(7 << 64), own),
        ("another method", trace(7), request(b"PUT", b"shop:80", b"/cart?id=1")),
        ("another host", trace(7), request(b"GET", b"shop:81", b"/cart?id=1")),
        ("another target", trace(7), request(b"GET", b"shop:80", b"/cart?id=2")),
        ("no target", trace(7), request(b"GET", b"shop:80", b"")),
        ("a byte moved from host to target", trace(7), request(b"GET", b"shop:8", b"0/cart?id=1")),
        ("a byte moved from method to host", trace(7), request(b"GE", b"Tshop:80", b"/cart?id=1")),
    ];
    for (why, trace, request) in rows {
        assert_eq!(recognise(trace, request, id), None, "{why}");
    }
}

#[test]
fn a_trailing_zero_byte_is_another_request() {
    assert_ne!(request(b"", b"", b"\0"), request(b"", b"", b""));
    assert_ne!(request(b"", b"", b"12345678"), request(b"", b"", b"12345678\0"));
}

#[test]
fn ids_are_the_same_in_every_build() {
    let id = mint(trace(1), request(b"GET", b"localhost", b"/"), 0, &mut Stream(0));
    assert_eq!(id.to_string(), "cb536ffeafe055d4", "proxies of two versions must recognise each other's ids");
}

#[test]
fn hops_above_the_most_are_the_most() {
    let own = request(b"GET", b"h", b"/");
    assert_eq!(recognise(trace(1), own, mint(trace(1), own, 200, &mut Stream(5))), Some(MAX_HOPS));
}

#[test]
fn the_id_of_zeros_never_comes_out() {
    // With random bits of zero, find a request whose hidden hops and tag are zero too, for some hop number: none can be
    // constructed in reasonable time, so the loop is shown to draw again by a source that has only zeros once.
    struct ZerosFirst(u32);
    impl RandomSource for ZerosFirst {
        fn next_u64(&mut self) -> u64 {
            self.0 += 1;
            if self.0 == 1 { 0 } else { u64::MAX }
        }
    }
    for number in 1..2000 {
        let id = mint(trace(number), request(b"GET", b"h", b"/"), 0, &mut ZerosFirst(0));
        assert_ne!(id.bytes(), &[0; 8]);
    }
}

#[test]
fn every_bit_of_an_id_is_set_half_the_time() {
    let (own, mut random) = (request(b"GET", b"h", b"/"), Stream(9));
    let mut ones = [0u32; 64];
    for _ in 0..10_000 {
        let id = u64::from_be_bytes(*mint(trace(3), own, 0, &mut random).bytes());
        (0..64).for_each(|bit| ones[bit] += u32::from(id >> bit & 1 == 1));
    }
    // Six standard deviations of a fair coin thrown 10,000 times are 300.
    assert!(ones.iter().all(|ones| (4_700..=5_300).contains(ones)), "{ones:?}");
}

#[test]
fn foreign_ids_are_hardly_ever_recognised() {
    let (own, mut random) = (request(b"GET", b"h", b"/"), Stream(11));
    let mistaken = (0..200_000).filter(|_| recognise(trace(3), own, SpanId::random(&mut random)).is_some()).count();
    // Expected 0.012; two would be a chance of one in ten thousand.
    assert!(mistaken < 2, "{mistaken}");
}

proptest! {
    #[test]
    fn minted_ids_are_recognised_with_their_hops(
        number in 1u128.., seed: u64, hops in 0..=MAX_HOPS,
        method in "[A-Z]{1,7}", host in "[a-z.:0-9]{0,20}", target in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let own = request(method.as_bytes(), host.as_bytes(), &target);
        let id = mint(trace(number), own, hops, &mut Stream(seed));
        prop_assert_eq!(recognise(trace(number), own, id), Some(hops));
    }
}
