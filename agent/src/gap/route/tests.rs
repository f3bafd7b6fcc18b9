//! What is a name and what a value, row by row; then what holds for any path.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

#[test]
fn values_become_placeholders_and_names_stay() {
    let rows: &[(&str, &str, &str)] = &[
        ("/", "/", "the root"),
        ("/cart", "/cart", "a name"),
        ("/cart/", "/cart/", "a slash at the end is another resource"),
        ("/cart/42", "/cart/{}", "a number"),
        ("/cart/42/items/7", "/cart/{}/items/{}", "two numbers"),
        ("/cart?id=42", "/cart", "the query is no part of it"),
        ("/cart#top", "/cart", "nor is a fragment"),
        ("/cart;jsessionid=1A2B/items", "/cart/items", "nor are parameters"),
        ("//cart", "//cart", "an empty segment is one"),
        ("http://shop.example/cart/42?x", "/cart/{}", "an absolute target"),
        ("http://shop.example", "/", "... without a path"),
        ("http://shop.example?next=/cart", "/", "... without a path, with a query"),
        ("/go?to=http://x/y", "/go", "a query with a URL"),
        ("*", "*", "OPTIONS *"),
        ("shop.example:443", "{}", "the authority of CONNECT"),
        ("", "{}", "nothing"),
        ("/users/4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "/users/{}", "a UUID"),
        ("/users/4BF92F35-77B3-4DA6-A3CE-929D0E0E4736", "/users/{}", "in capitals"),
        ("/users/507f1f77bcf86cd799439011", "/users/{}", "an object id"),
        ("/commits/deadbee1", "/commits/{}", "a short hash"),
        ("/commits/abcdefabcdefabcdef", "/commits/{}", "a hash without digits"),
        ("/cafe/facade", "/cafe/facade", "words of hexadecimal letters"),
        ("/k/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/k/{}", "a ULID"),
        ("/watch/dQw4w9WgXcQ", "/watch/{}", "a short id"),
        ("/c/cus_NffrFeUfNV2Hib", "/c/{}", "an id with a prefix"),
        ("/c/NffrFeUfNVxHibQwErTy", "/c/{}", "a base64 id without digits"),
        ("/api/getCustomerOrderHistory", "/api/getCustomerOrderHistory", "words in camel case"),
        ("/orders/ORD-12345", "/orders/{}", "a number with a prefix"),
        ("/items/item-12", "/items/{}", "a short number with a prefix"),
        ("/reports/2024-01-15", "/reports/{}", "a date"),
        ("/price/-1.5", "/price/{}", "a number with sign and fraction"),
        ("/mail/anna@example.org", "/mail/{}", "an e-mail address"),
        ("/mail/anna%40example.org", "/mail/{}", "... encoded"),
        ("/@anna", "/{}", "a user's name"),
        ("/search/caf%C3%A9", "/search/{}", "an encoded text"),
        ("/search/caf\u{e9}", "/search/{}", "not ASCII"),
        ("/a\u{1b}[31m", "/{}", "a terminal's escape"),
        ("/a b", "/{}", "a space"),
        ("/v1/oauth2-callback-handler", "/v1/oauth2-callback-handler", "names with a digit"),
        ("/api/v1.2/sha256", "/api/v1.2/sha256", "a version"),
        ("/static/app.js", "/static/app.js", "a file"),
        ("/static/jquery-3.6.0.min.js", "/static/{}", "a file with a version"),
        ("/{}/x", "/{}/x", "a template is its own template"),
        ("/1/2/3/4/5/6/7/8", "/{}/{}/{}/{}/{}/{}/{}/{}", "eight segments"),
        ("/a/b/c/d/e/f/g/h/i/j", "/a/b/c/d/e/f/g/h/*", "more than eight"),
        ("/a/b/c/d/e/f/g/h/", "/a/b/c/d/e/f/g/h/*", "eight and an empty one"),
    ];
    for (path, template, reason) in rows {
        assert_eq!(text(path.as_bytes()), *template, "{reason}: {path}");
    }
    assert_eq!(text(format!("/{}", "x".repeat(60)).as_bytes()).len(), 61, "the longest name");
    assert_eq!(text(format!("/{}", "x".repeat(61)).as_bytes()), "/{}", "a name that is too long is a value");
}

#[test]
fn numbers_of_many_templates_differ() {
    let mut seen = HashMap::new();
    let letters = || (b'a'..=b'z').map(char::from);
    for (a, b) in letters().flat_map(|a| letters().map(move |b| (a, b))) {
        for path in
            [format!("/{a}{b}"), format!("/{a}/{b}"), format!("/{a}{a}{a}{a}{a}{a}{a}{b}"), format!("/{a}/{b}/")]
        {
            let known = seen.insert(hash(path.as_bytes()), path.clone());
            assert!(known.is_none_or(|known| known == path), "{path} collides");
        }
    }
}

fn path() -> impl Strategy<Value = Vec<u8>> {
    let pieces = ["/", "cart", "42", "-", "deadbeef", "A", "x", "%40", "@", ";", "?", "{}", "*", ".", "\u{e9}", "://"];
    let text = prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..40);
    prop_oneof![prop::collection::vec(any::<u8>(), 0..700), text.prop_map(|pieces| pieces.concat().into_bytes())]
}

proptest! {
    #[test]
    fn a_template_is_short_printable_and_its_own_template(path in path()) {
        let template = text(&path);
        prop_assert!(template.len() <= MAX_BYTES);
        prop_assert!(template.bytes().all(|byte| byte.is_ascii_graphic()));
        if template.starts_with('/') {
            prop_assert_eq!(text(template.as_bytes()), template.clone());
            prop_assert_eq!(hash(template.as_bytes()), hash(&path));
        }
        prop_assert!(template.matches('/').count() <= MAX_SEGMENTS + 1);
    }

    #[test]
    fn equal_templates_have_equal_numbers(a in path(), b in path()) {
        prop_assert_eq!(text(&a) == text(&b), hash(&a) == hash(&b));
    }

    #[test]
    fn numbers_never_make_a_new_template(a in any::<u64>(), b in any::<u64>()) {
        prop_assert_eq!(text(format!("/x/{a}/y").as_bytes()), text(format!("/x/{b}/y").as_bytes()));
    }
}
