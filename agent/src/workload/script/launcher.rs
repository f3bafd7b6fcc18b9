//! Programs that serve an application named on their command line (gunicorn, uvicorn, Flask and others), and the titles
//! that they and others give to themselves.

use super::{module_name, stem};

/// Servers whose application is a word like `module:attribute`, or a module.
const SERVERS: [&str; 7] = ["gunicorn", "uvicorn", "hypercorn", "daphne", "granian", "waitress-serve", "waitress"];
/// Commands with an option that names the application.
const COMMANDS: [(&str, [&str; 2]); 2] = [("flask", ["--app", "-A"]), ("celery", ["--app", "-A"])];
/// Options of servers without a value; any other short or long option may have the next word as its value.
const FLAGS: [&str; 12] = [
    "--reload",
    "--preload",
    "--daemon",
    "-D",
    "--factory",
    "--no-access-log",
    "--access-log",
    "--capture-output",
    "--no-sendfile",
    "--proxy-headers",
    "--call",
    "--check-config",
];

/// The application that `launcher` serves; `None` where it is none that is known, or the words do not say.
pub(super) fn application(launcher: &str, words: &[String]) -> Option<String> {
    if SERVERS.contains(&launcher) {
        return served(words).and_then(module_name);
    }
    let (_, options) = COMMANDS.iter().find(|(command, _)| *command == launcher)?;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let value = match word.split_once('=') {
            Some((option, value)) if options.contains(&option) => value,
            None if options.contains(&word.as_str()) => words.next()?,
            _ => continue,
        };
        return module_name(&stem(value.split(':').next()?)?);
    }
    None
}

/// The module among the words: one with an attribute, else the last that is no option's value.
fn served(words: &[String]) -> Option<&str> {
    let attribute = words.iter().find_map(|word| {
        let (module, attribute) = word.split_once(':')?;
        (is_module(module) && is_module(attribute.split('(').next()?)).then_some(module)
    });
    attribute.or_else(|| {
        let mut is_value = false;
        let mut found = None;
        for word in words {
            let is_option = word.starts_with('-');
            if !is_option && !is_value && is_module(word) {
                found = Some(word.as_str());
            }
            is_value = is_option && !word.contains('=') && !FLAGS.contains(&word.as_str());
        }
        found
    })
}

fn is_module(text: &str) -> bool {
    let begins = text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    begins && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "._".contains(letter))
}

/// The application in a title: `gunicorn: worker [shop:app]`, `puma 6.4.2 (tcp://0.0.0.0:3000) [shop]`.
pub(super) fn in_title(title: &str) -> Option<String> {
    let is_known = ["gunicorn: ", "puma ", "puma: ", "unicorn "].iter().any(|begin| title.starts_with(begin));
    let (_, rest) = title.split_once('[').filter(|_| is_known)?;
    let inside = rest.split(']').next()?;
    module_name(&stem(inside.split(':').next()?)?)
}
