//! Patterns for names: `*` stands for any characters, `?` for one; everything else for itself, whole and by case.

use std::fmt;

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// The pattern of this text. Every text is one.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        Self(pattern.to_owned())
    }

    /// Whether all of `text` is described. Takes at most the product of the two lengths.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let (mut pattern, mut rest) = (self.0.as_str(), text);
        // Where to go on after the last star: the pattern behind it, and the text it has not swallowed yet.
        let mut star: Option<(&str, &str)> = None;
        loop {
            let mut expected = pattern.chars();
            let mut given = rest.chars();
            match (expected.next(), given.next()) {
                (Some('*'), _) => {
                    pattern = expected.as_str();
                    star = Some((pattern, rest));
                    continue;
                }
                (None, None) => return true,
                (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
                    (pattern, rest) = (expected.as_str(), given.as_str());
                    continue;
                }
                _ => {}
            }
            let Some((after, swallowed)) = star else { return false };
            let mut more = swallowed.chars();
            if more.next().is_none() {
                return false;
            }
            star = Some((after, more.as_str()));
            (pattern, rest) = (after, more.as_str());
        }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn patterns_describe_whole_texts() {
        let rows = [
            ("shop", "shop", true, "itself"),
            ("shop", "shops", false, "not a beginning"),
            ("shop", "Shop", false, "by case"),
            ("shop*", "shop", true, "a star may be nothing"),
            ("*-api", "billing-api", true, "a star in front"),
            ("*-api", "billing-api-v2", false, "which does not reach the end"),
            ("a*b*c", "a-b-b-c", true, "a star takes back what it gave"),
            ("s?op", "shop", true, "one character"),
            ("s?op", "sop", false, "no character"),
            ("sh?p", "shöp", true, "a character of two bytes"),
            ("*", "", true, "anything, nothing included"),
            ("", "", true, "nothing"),
            ("", "a", false, "something"),
            ("a.c", "abc", false, "a dot is a dot"),
        ];
        for (pattern, text, expected, reason) in rows {
            assert_eq!(Glob::new(pattern).matches(text), expected, "{pattern} on {text}: {reason}");
        }
    }

    #[test]
    fn a_pattern_of_stars_ends() {
        let pattern = Glob::new(&"*a".repeat(50));
        assert!(!pattern.matches(&"a".repeat(2_000).replace('a', "ab")));
    }
}
