//! What is redacted, what is kept, and that nothing else changes.

use proptest::prelude::*;

use super::*;

fn redacted(query: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_redacted_query(query, &mut out);
    out
}

#[test]
fn values_of_credentials_are_replaced() {
    let rows: &[(&str, &[u8], &[u8])] = &[
        ("empty", b"", b""),
        ("nothing secret", b"id=1&page=2", b"id=1&page=2"),
        ("convention: sig", b"sig=abc&x=1", b"sig=REDACTED&x=1"),
        ("convention: Signature", b"x=1&Signature=abc", b"x=1&Signature=REDACTED"),
        ("convention: AWSAccessKeyId", b"AWSAccessKeyId=abc", b"AWSAccessKeyId=REDACTED"),
        ("convention: X-Goog-Signature", b"X-Goog-Signature=abc", b"X-Goog-Signature=REDACTED"),
        ("Amazon, version 4", b"X-Amz-Security-Token=a&X-Amz-Date=1", b"X-Amz-Security-Token=REDACTED&X-Amz-Date=1"),
        ("OAuth 2", b"code=a&state=b", b"code=REDACTED&state=b"),
        ("any case", b"ToKeN=a", b"ToKeN=REDACTED"),
        (
            "camel case, dash and underscore",
            b"accessToken=a&access-token=b&access_token=c",
            b"accessToken=REDACTED&access-token=REDACTED&access_token=REDACTED",
        ),
        ("percent-encoded name", b"%74oken=a", b"%74oken=REDACTED"),
        (
            "percent-encoded in either case of the digits",
            b"api%5Fkey=a&api%5fkey=b",
            b"api%5Fkey=REDACTED&api%5fkey=REDACTED",
        ),
        ("nested", b"user[password]=a&user.password=b", b"user[password]=REDACTED&user.password=REDACTED"),
        ("nested, encoded", b"user%5Bpassword%5D=a", b"user%5Bpassword%5D=REDACTED"),
        ("a list", b"token[]=a&token[]=b", b"token[]=REDACTED&token[]=REDACTED"),
        ("every one of several", b"key=a&key=b", b"key=REDACTED&key=REDACTED"),
        ("an empty value", b"token=&x=1", b"token=REDACTED&x=1"),
        ("a value with equals signs", b"token=a=b==&x=1", b"token=REDACTED&x=1"),
        ("a value with a semicolon is hidden whole", b"token=a;b=c&x=1", b"token=REDACTED&x=1"),
        ("semicolons as separators", b"a=1;token=b", b"a=1;token=REDACTED"),
        ("a second question mark", b"next=/x?token=b&y=1", b"next=/x?token=REDACTED&y=1"),
        ("a name without a value is kept", b"token&x=1", b"token&x=1"),
        ("a longer name is another one", b"tokenizer=a&keyword=b&barcode=c", b"tokenizer=a&keyword=b&barcode=c"),
        ("a longer name than any", b"passwordpasswordpasswordpassword=a", b"passwordpasswordpasswordpassword=a"),
        ("a broken escape is read as it is", b"%7token=a&%=b&%4=c", b"%7token=a&%=b&%4=c"),
        ("empty parameters are kept", b"&&a=1&", b"&&a=1&"),
        ("not UTF-8 passes", b"a=\xff&token=\xff", b"a=\xff&token=REDACTED"),
    ];
    for (why, query, expected) in rows {
        assert_eq!(redacted(query).escape_ascii().to_string(), expected.escape_ascii().to_string(), "{why}");
    }
}

#[test]
fn names_are_written_as_they_are_compared() {
    for name in NAMES {
        assert!(name.len() <= LONGEST && name.iter().all(u8::is_ascii_lowercase), "{}", name.escape_ascii());
    }
}

proptest! {
    #[test]
    fn no_value_of_a_credential_comes_out(before in "[a-z=&;?%]{0,12}", place in 0..NAMES.len(), after in "(&[a-z=]{0,9})?") {
        let name = NAMES.get(place).map(|name| String::from_utf8_lossy(name)).unwrap_or_default();
        let query = format!("{before}&{name}=HIDDEN{after}");
        prop_assert!(!String::from_utf8_lossy(&redacted(query.as_bytes())).contains("HIDDEN"));
    }

    #[test]
    fn twice_is_as_once_and_parameters_stay(query in prop::collection::vec(any::<u8>(), 0..80)) {
        let once = redacted(&query);
        prop_assert_eq!(redacted(&once), once.clone());
        let count = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'&').count();
        prop_assert_eq!(count(&once), count(&query));
    }
}
