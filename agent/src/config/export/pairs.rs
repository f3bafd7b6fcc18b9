//! `key=value,key2=value2` with percent-encoding, as `OTEL_EXPORTER_OTLP_HEADERS` and `OTEL_RESOURCE_ATTRIBUTES` have
//! it. Values may be credentials: an error tells the place and never the text.
//!
//! Source: OpenTelemetry specification, "Specifying headers via environment variables" (W3C Baggage without
//! properties).

/// Splits and decodes. White space around keys and values is dropped, empty members are skipped, and the first `=` of
/// a member ends its key.
///
/// # Errors
/// Which member is wrong, counted from 1, and why.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
    let members = text.split(',').enumerate().filter(|(_, member)| !member.trim().is_empty());
    members.map(|(index, member)| pair(member).map_err(|problem| format!("member {} {problem}", index + 1))).collect()
}

fn pair(member: &str) -> Result<(String, String), &'static str> {
    let (key, value) = member.split_once('=').ok_or("has no \"=\"")?;
    if key.trim().is_empty() {
        return Err("has nothing before \"=\"");
    }
    Ok((decode(key.trim())?, decode(value.trim())?))
}

/// A `%` that no two hex digits follow stands for itself, because unencoded keys are common.
fn decode(text: &str) -> Result<String, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(nibble(*high) << 4 | nibble(*low));
                rest = after;
            }
            _ => bytes.push(first),
        }
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 once percent-decoded")
}

/// The value of a hex digit.
fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        for (text, pairs, reason) in [
            ("a=1,b=2", Some(vec![("a", "1"), ("b", "2")]), "two members"),
            (" a = 1 , ,b=2,", Some(vec![("a", "1"), ("b", "2")]), "white space and empty members"),
            ("authorization=Bearer%20x", Some(vec![("authorization", "Bearer x")]), "percent-decoded"),
            ("authorization=Bearer x", Some(vec![("authorization", "Bearer x")]), "not encoded, and common"),
            ("key=YWI==", Some(vec![("key", "YWI==")]), "base64 padding"),
            ("key=100%,b=%zz", Some(vec![("key", "100%"), ("b", "%zz")]), "a percent sign that encodes nothing"),
            ("key=a%2Cb%3Dc", Some(vec![("key", "a,b=c")]), "an encoded comma does not split"),
            ("key=", Some(vec![("key", "")]), "an empty value"),
            ("key=%C3%A4", Some(vec![("key", "ä")]), "UTF-8"),
            ("key=%FF", None, "not UTF-8"),
            ("s3cret", None, "no key: perhaps the key alone"),
            ("=s3cret", None, "an empty key"),
        ] {
            let expected =
                pairs.map(|pairs| pairs.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect::<Vec<_>>());
            let parsed = parse(text);
            assert!(!format!("{parsed:?}").contains("s3cret"), "errors never show the text");
            assert_eq!(parsed.ok(), expected, "{reason}");
        }
    }
}
