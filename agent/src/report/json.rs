//! The JSON form and its published schema.

use schemars::{Schema, schema_for};
use serde::Serialize;

use super::Report;
use super::text::is_harmful;

/// The schema of the JSON form (JSON Schema 2020-12).
#[must_use]
pub fn schema() -> Schema {
    schema_for!(Report)
}

/// A value as JSON on several lines, with a line end. Harmful characters are escaped, so that it can be shown on a
/// terminal and still reads back as what it was.
///
/// # Errors
/// None for the values of this module; serde_json's type does not say so.
pub fn render(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string_pretty(value)?;
    let mut out = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        // Outside of strings the only such character is the line end; inside of them there is none of those.
        if c == '\n' || !is_harmful(c) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out.push('\n');
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;

    #[test]
    fn harmful_characters_are_escaped_and_read_back() {
        let value = ["\u{1b}[2J", "\u{9b}2J", "a\u{202e}b", "\u{e0041}", "line\nend", "plain ü 🦀", "\\u001b"];
        let text = render(&value).unwrap();
        assert!(!text.chars().any(|c| c != '\n' && is_harmful(c)), "{text}");
        assert!(text.contains("plain ü 🦀"), "other text stays as it is");
        let back: Vec<String> = serde_json::from_str(&text).unwrap();
        assert_eq!(back, value);
    }

    #[test]
    fn the_schema_names_what_it_is() {
        let schema = serde_json::to_value(schema()).unwrap();
        assert_eq!(schema.pointer("/properties/schema/const"), Some(&"throughline.report".into()));
        assert_eq!(schema.pointer("/properties/version/const"), Some(&1.into()));
        let codes = schema.pointer("/$defs/Code/enum").and_then(|codes| codes.as_array()).unwrap();
        assert_eq!(codes.len(), crate::gap::code::Code::ALL.len(), "every code is in it");
    }
}
