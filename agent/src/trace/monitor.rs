//! What calls itself a synthetic monitor, whether its requests are marked or not.

/// Whether a user agent calls itself Checkly's.
///
/// Looks for the last letter first: browsers hardly use it, and one letter is found many bytes at a time.
#[must_use]
pub fn is_monitor(agent: &[u8]) -> bool {
    const NAME: &[u8] = b"checkly";
    let has_letter = agent.iter().fold(false, |found, byte| found | (byte | 0x20 == b'y'));
    has_letter && agent.windows(NAME.len()).any(|window| window.eq_ignore_ascii_case(NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monitors_are_known_by_their_name() {
        let rows: &[(&str, bool)] = &[
            ("Checkly/1.0 (https://www.checklyhq.com)", true),
            ("Mozilla/5.0 (X11) HeadlessChrome/120 Checkly, https://www.checklyhq.com", true),
            ("CHECKLY", true),
            ("mycheckly-probe", true),
            ("check ly", false),
            ("Yandex", false),
            ("curl/8.5.0", false),
            ("checkl", false),
            ("", false),
        ];
        for (agent, expected) in rows {
            assert_eq!(is_monitor(agent.as_bytes()), *expected, "{agent}");
        }
    }
}
