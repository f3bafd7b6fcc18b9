//! What was probably meant by a word that is not known.

/// The known word nearest to `word`, if one is near: a typing slip or two, another separator, a plural.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    // Nothing known is so long, and the comparison takes the product of both lengths.
    if word.len() > 64 {
        return None;
    }
    let word = plain(word);
    let rated = known.iter().map(|&candidate| (distance(&word, &plain(candidate)), candidate));
    let (distance, candidate) = rated.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + word.len() / 4).then_some(candidate)
}

/// Whether `word` is `meant` but for one slip at most.
pub(super) fn is_slip(word: &str, meant: &str) -> bool {
    word.len() <= 64 && distance(&plain(word), &plain(meant)) <= 1
}

/// Without case, separators and plural, which people mix up most.
fn plain(word: &str) -> Vec<char> {
    let one = match (word.strip_suffix("ies"), word.strip_suffix('s')) {
        (Some(stem), _) => format!("{stem}y"),
        (None, Some(stem)) => stem.to_owned(),
        (None, None) => word.to_owned(),
    };
    one.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

/// The edits (insert, delete, replace, swap neighbours) that make one word of the other; Damerau's, restricted.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut previous = None;
    for (row, &a) in from.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, &b) in to.iter().enumerate() {
            let at = |line: &[usize], column: usize| line.get(column).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&last, column) + usize::from(a != b);
            let edited = 1 + at(&last, column + 1).min(at(&line, column));
            let swapped = match (previous, column.checked_sub(1)) {
                (Some(previous), Some(left)) if to.get(left) == Some(&a) && previous == b => at(&before, left) + 1,
                _ => usize::MAX,
            };
            line.push(replaced.min(edited).min(swapped));
        }
        before = std::mem::replace(&mut last, line);
        previous = Some(a);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{is_slip, nearest};

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        const KNOWN: &[&str] = &[
            "listen",
            "upstream",
            "service",
            "trusted_hops",
            "max_header_bytes",
            "trust",
            "record",
            "proxies",
            "probe",
        ];
        for (word, expected, reason) in [
            ("lisen", Some("listen"), "a letter left out"),
            ("lsiten", Some("listen"), "two swapped"),
            ("upstreams", Some("upstream"), "a plural"),
            ("proxy", Some("proxies"), "one of them"),
            ("trusted-hops", Some("trusted_hops"), "the flag's spelling"),
            ("maxHeaderBytes", Some("max_header_bytes"), "another habit"),
            ("Service", Some("service"), "a capital"),
            ("recrod", Some("record"), "two swapped"),
            ("color", None, "nothing like it"),
            ("", None, "nothing"),
            ("x", None, "one letter is near to everything"),
        ] {
            assert_eq!(nearest(word, KNOWN), expected, "{reason}");
        }
        assert!(is_slip("lisen", "listen") && is_slip("Up-stream", "upstream"));
        assert!(!is_slip("upstream_ca", "upstream"), "another key");
        assert_eq!(nearest(&"a".repeat(100_000), KNOWN), None, "and it takes no time");
    }
}
