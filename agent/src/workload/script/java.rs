//! What a Java virtual machine runs: an archive, a class, a module or a source file.

use super::{last, stem};

/// Options whose value is the next word (java(1)).
const WITH_VALUE: [&str; 14] = [
    "-cp",
    "-classpath",
    "--class-path",
    "-p",
    "--module-path",
    "--upgrade-module-path",
    "--add-modules",
    "--enable-native-access",
    "--add-reads",
    "--add-exports",
    "--add-opens",
    "--limit-modules",
    "--source",
    "--patch-module",
];
/// Classes that start another program: the archive or the class behind them says more.
const LAUNCHERS: [&str; 4] = ["JarLauncher", "WarLauncher", "PropertiesLauncher", "Launcher"];

/// The program's name: of an archive without its version, of a class its last part.
pub(super) fn program(words: &[String]) -> Option<String> {
    let mut words_left = words.iter();
    while let Some(word) = words_left.next() {
        match word.as_str() {
            "-jar" => return words_left.next().and_then(|archive| archive_name(archive)),
            "-m" | "--module" => return words_left.next().and_then(|module| class_name(module.rsplit('/').next()?)),
            option if WITH_VALUE.contains(&option) => drop(words_left.next()),
            // Arguments in files are not read.
            option if option.starts_with('-') || option.starts_with('@') => {}
            source if source.ends_with(".java") => return last(source).strip_suffix(".java").map(str::to_owned),
            class => {
                let name = class_name(class)?;
                let is_launcher = LAUNCHERS.contains(&name.as_str());
                return if is_launcher { in_class_path(words).or(Some(name)) } else { Some(name) };
            }
        }
    }
    None
}

/// `shop-1.2.3-SNAPSHOT.jar` is shop.
fn archive_name(path: &str) -> Option<String> {
    let name = stem(path)?;
    let is_version = |at: &usize| name.get(at + 1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let end = name.match_indices('-').map(|(at, _)| at).find(is_version).filter(|at| *at > 0);
    Some(name.get(..end.unwrap_or(name.len()))?.to_owned())
}

/// `com.acme.Shop` is Shop.
fn class_name(class: &str) -> Option<String> {
    class.rsplit('.').next().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// The only archive of the class path.
fn in_class_path(words: &[String]) -> Option<String> {
    let at = words.iter().position(|word| matches!(word.as_str(), "-cp" | "-classpath" | "--class-path"))?;
    let path = words.get(at + 1)?;
    (!path.contains(':')).then(|| archive_name(path)).flatten()
}
