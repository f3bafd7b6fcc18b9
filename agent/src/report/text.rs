//! Text from outside, made harmless: control characters, and characters that move or hide others, are written as
//! escapes. And how wide a text is, where to cut it, and where to break it.
//!
//! Names, paths and header values are what somebody sent. On a terminal they could move the cursor, change the title or
//! hide a line; right-to-left overrides show one name as another.

/// Whether a character could change how others are shown: control characters (C0, DEL, C1), separators of lines and
/// paragraphs, what has no width, marks and overrides of direction (Unicode 16, general categories Cc, Cf, Zl, Zp, as
/// far as terminals act on them).
#[must_use]
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{feff}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// The text with every harmful character as `\u{1b}`.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmful(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

/// How many columns a text without harmful characters takes. Never too few: a character that joins the one before it
/// counts as a column.
#[must_use]
pub fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// Two columns for the wide characters of East Asia and for pictures (Unicode Standard Annex 11), else one.
const fn columns(c: char) -> usize {
    match c {
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f000}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// The text, or its beginning and an ellipsis where it is wider than `limit` columns.
#[must_use]
pub fn cut(text: &str, limit: usize) -> String {
    if width(text) <= limit {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += columns(c);
        if used > limit {
            break;
        }
        out.push(c);
    }
    if limit > 0 {
        out.push('…');
    }
    out
}

/// The text and spaces up to `columns` columns; cut where it is wider.
#[must_use]
pub fn fit(text: &str, columns: usize) -> String {
    let mut out = cut(text, columns);
    let missing = columns.saturating_sub(width(&out));
    out.extend(std::iter::repeat_n(' ', missing));
    out
}

/// Lines of at most `limit` columns, broken at spaces. A word that is wider than a line is cut.
#[must_use]
pub fn wrap(text: &str, limit: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let word = cut(word, limit);
        if !line.is_empty() && width(&line) + 1 + width(&word) > limit {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmful_characters_are_written_as_escapes() {
        let rows = [
            ("shop", "shop", "a plain name"),
            ("a b/ü/🦀", "a b/ü/🦀", "letters of all kinds"),
            ("\x1b[31mred", "\\u{1b}[31mred", "a colour"),
            ("\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}", "a window title"),
            ("\u{9b}2J", "\\u{9b}2J", "the same in one character of C1"),
            ("a\r\nb\tc", "a\\u{d}\\u{a}b\\u{9}c", "line ends and tabs"),
            ("a\x7fb\0", "a\\u{7f}b\\u{0}", "delete and zero"),
            ("a\u{202e}gpj", "a\\u{202e}gpj", "right to left"),
            ("a\u{200b}b\u{2066}c", "a\\u{200b}b\\u{2066}c", "no width, isolates"),
            ("a\u{e0041}", "a\\u{e0041}", "invisible tags"),
        ];
        for (text, expected, reason) in rows {
            assert_eq!(plain(text), expected, "{reason}");
            assert!(!plain(text).chars().any(is_harmful), "{reason}");
        }
    }

    #[test]
    fn texts_are_cut_to_columns() {
        let rows = [
            ("shop", 4, "shop", "it fits"),
            ("shops", 4, "sho…", "one too many"),
            ("日本語", 4, "日…", "wide characters count twice"),
            ("日本語", 6, "日本語", "and fit where there is room"),
            ("shop", 1, "…", "room for the ellipsis alone"),
            ("shop", 0, "", "no room"),
        ];
        for (text, limit, expected, reason) in rows {
            let short = cut(text, limit);
            assert_eq!(short, expected, "{reason}");
            assert!(width(&short) <= limit, "{reason}");
        }
        assert_eq!(fit("日本", 5), "日本 ", "filled up by columns, not by characters");
    }

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrap("copy both headers", 11), ["copy both", "headers"]);
        assert_eq!(wrap("incomprehensibilities", 8), ["incompr…"], "a word without a break is cut");
        assert_eq!(wrap("", 8), Vec::<String>::new());
    }
}
