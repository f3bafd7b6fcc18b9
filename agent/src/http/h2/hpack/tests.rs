//! The examples of RFC 7541, appendix C, and blocks that are none.

use proptest::prelude::*;

use super::*;
use crate::http::h2::tests::bytes;

/// What a block unfolds to, a line for each field.
fn unfold(decoder: &mut Decoder, block: &[u8]) -> Result<String, Lost> {
    let mut lines = String::new();
    decoder.decode(block, 64 << 10, |name, value| {
        lines += &format!("{}: {}\n", String::from_utf8_lossy(name), String::from_utf8_lossy(value));
    })?;
    Ok(lines)
}

/// What three blocks unfold to, each with the size of the table after it.
type Unfolded = [(&'static str, usize); 3];

const REQUESTS: Unfolded = [
    (":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n", 57),
    (":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\ncache-control: no-cache\n", 110),
    (":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value\n", 164),
];
const RESPONSES: Unfolded = [
    (
        ":status: 302\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com\n",
        222,
    ),
    (
        ":status: 307\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com\n",
        222,
    ),
    (
        ":status: 200\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:22 GMT\nlocation: https://www.example.com\n\
        content-encoding: gzip\nset-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\n",
        215,
    ),
];

#[test]
fn fields_of_each_kind() {
    let rows: &[(&str, &str, usize, &str)] = &[
        ("400a637573746f6d2d6b65790d637573746f6d2d686561646572", "custom-key: custom-header\n", 55, "C.2.1"),
        ("040c2f73616d706c652f70617468", ":path: /sample/path\n", 0, "C.2.2"),
        ("100870617373776f726406736563726574", "password: secret\n", 0, "C.2.3"),
        ("82", ":method: GET\n", 0, "C.2.4"),
    ];
    for (block, expected, size, place) in rows {
        let mut decoder = Decoder::new(4096);
        assert_eq!(unfold(&mut decoder, &bytes(block)).as_deref(), Ok(*expected), "{place}");
        assert_eq!(decoder.size, *size, "{place}");
    }
}

#[test]
fn three_requests_and_three_answers_on_a_connection() {
    let rows: &[([&str; 3], Unfolded, &str)] = &[
        (
            [
                "828684410f7777772e6578616d706c652e636f6d",
                "828684be58086e6f2d6361636865",
                "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
            ],
            REQUESTS,
            "C.3",
        ),
        (
            [
                "828684418cf1e3c2e5f23a6ba0ab90f4ff",
                "828684be5886a8eb10649cbf",
                "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
            ],
            REQUESTS,
            "C.4, with Huffman code",
        ),
        (
            [
                "3fe1014803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470\
                733a2f2f7777772e6578616d706c652e636f6d",
                "4803333037c1c0bf",
                "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b\
                425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
            ],
            RESPONSES,
            "C.5, with a table of 256 bytes",
        ),
        (
            [
                "3fe101488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82\
                ae43d3",
                "4883640effc1c0bf",
                "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af2708\
                7f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
            ],
            RESPONSES,
            "C.6, the same with Huffman code",
        ),
    ];
    for (blocks, expected, place) in rows {
        let mut decoder = Decoder::new(4096);
        for (block, (lines, size)) in blocks.iter().zip(expected) {
            assert_eq!(unfold(&mut decoder, &bytes(block)).as_deref(), Ok(*lines), "{place}");
            assert_eq!(decoder.size, *size, "{place}");
        }
    }
}

#[test]
fn blocks_that_are_none_are_refused() {
    let rows: &[(&str, Lost, &str)] = &[
        ("80", Lost::Malformed, "index 0 (section 6.1)"),
        ("be", Lost::Malformed, "an entry that is not there (2.3.3)"),
        ("7f0041", Lost::Malformed, "a name that is not there"),
        ("ff8080808000", Lost::Malformed, "an integer of too many bytes (5.1)"),
        ("ff80", Lost::Malformed, "an integer that is cut off"),
        ("4003", Lost::Malformed, "a string that is cut off"),
        ("400161", Lost::Malformed, "no value"),
        ("8220", Lost::Malformed, "a table size after a field (4.2)"),
        ("3fe2ff03", Lost::TooLong, "a table that is too large"),
        ("00017fffffff7f", Lost::Malformed, "a string longer than the block"),
    ];
    for (block, expected, reason) in rows {
        assert_eq!(unfold(&mut Decoder::new(64 << 10), &bytes(block)), Err(*expected), "{reason}");
    }
}

#[test]
fn a_table_may_be_emptied_and_shrunk() {
    let mut decoder = Decoder::new(64 << 10);
    let entry = bytes("400161016240016301644001650166");
    assert_eq!(unfold(&mut decoder, &entry).as_deref(), Ok("a: b\nc: d\ne: f\n"));
    assert_eq!((decoder.size, decoder.table.len()), (102, 3));
    // 69 bytes hold two entries; then none, then 4096 bytes.
    assert_eq!(unfold(&mut decoder, &bytes("3f26be")).as_deref(), Ok("e: f\n"));
    assert_eq!((decoder.size, decoder.table.len()), (68, 2));
    assert_eq!(unfold(&mut decoder, &bytes("203fe11f")).as_deref(), Ok(""));
    assert_eq!((decoder.size, decoder.max_size), (0, 4096));
    // An entry that is larger than the table empties it, and is no error (section 4.4).
    assert_eq!(unfold(&mut decoder, &bytes("3f064001610162")).as_deref(), Ok("a: b\n"));
    assert_eq!(decoder.table.len(), 1);
    assert_eq!(unfold(&mut decoder, &bytes("400161056161616161")).as_deref(), Ok("a: aaaaa\n"));
    assert_eq!((decoder.size, decoder.table.len()), (0, 0));
}

/// One large entry and a byte for each time it is repeated.
#[test]
fn a_block_unfolds_to_a_bounded_list() {
    let mut decoder = Decoder::new(4096);
    let mut block = bytes("400161");
    block.extend([0x7f, 0x81, 0x0f]);
    block.extend([b'x'; 0x7f + 0x781 - 0x7f + 0x7e]);
    block.extend([0xbe; 1000]);
    let mut fields = 0;
    let read = decoder.decode(&block, 64 << 10, |_, _| fields += 1);
    assert_eq!(read, Err(Lost::TooLong));
    assert!(fields <= (64 << 10) / 2000, "{fields}");
}

proptest! {
    #[test]
    fn any_block_keeps_the_bounds(
        blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..10),
    ) {
        let mut decoder = Decoder::new(300);
        for block in blocks {
            let mut sum = 0;
            let read = decoder.decode(&block, 1000, |name, value| sum += name.len() + value.len() + OVERHEAD);
            prop_assert!(sum <= 1000 && decoder.size <= decoder.max_size && decoder.max_size <= 300);
            let held: usize = decoder.table.iter().map(|entry| entry.name.len() + entry.value.len() + OVERHEAD).sum();
            prop_assert_eq!(held, decoder.size);
            if read.is_err() {
                break;
            }
        }
    }
}
