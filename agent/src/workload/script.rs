//! What an interpreter runs: the script, module, archive or class on its command line. Pure.

mod java;
mod launcher;
mod options;

use super::command::Command;
use super::runtime::Runtime;
use options::{Operand, Options};

/// Names that say no more than that something is started: their folder says more.
const EMPTY_NAMES: [&str; 14] = [
    "__main__",
    "app",
    "bootstrap",
    "cli",
    "index",
    "main",
    "manage",
    "program",
    "run",
    "server",
    "start",
    "wsgi",
    "asgi",
    "www",
];
/// Folders that say nothing either.
const EMPTY_FOLDERS: [&str; 16] = [
    "app", "bin", "build", "code", "dist", "home", "lib", "opt", "out", "public", "root", "server", "src", "srv",
    "tmp", "usr",
];

/// What this command line runs, by a name for people. `folder` is the process's current directory, as far as it is
/// known. `None` where the line does not say.
#[must_use]
pub fn script(runtime: Runtime, command: &Command, folder: Option<&str>) -> Option<String> {
    if let Some(title) = command.title().and_then(launcher::in_title) {
        return Some(title);
    }
    let from_title = words_in_title(runtime, command);
    let words = if from_title.is_empty() { command.words() } else { &from_title };
    let rest = words.get(1..)?;
    match runtime {
        Runtime::Python => python(rest, folder),
        Runtime::Node | Runtime::Bun | Runtime::Deno => javascript(rest, folder),
        Runtime::Jvm => java::program(rest),
        Runtime::DotNet => dotnet(rest),
        Runtime::Ruby => ruby(rest, folder),
        Runtime::Php => php(rest, folder),
        Runtime::Perl => {
            match (Options { with_value: &["-I", "-M", "-m"], code: &["-e", "-E"], module: &[] }).first(rest) {
                Operand::Script(path, _) => stem(path),
                Operand::Module(..) | Operand::None => None,
            }
        }
        Runtime::Beam => beam(rest),
        _ => None,
    }
}

/// The words of a title that is a command line, as process managers write it anew.
fn words_in_title(runtime: Runtime, command: &Command) -> Vec<String> {
    let words = command.title().map(|title| title.split(' ')).into_iter().flatten();
    let words: Vec<String> = words.map(str::to_owned).collect();
    let is_line = words.first().is_some_and(|first| Runtime::of_name(last(first)) == Some(runtime));
    if is_line { words } else { Vec::new() }
}

fn python(words: &[String], folder: Option<&str>) -> Option<String> {
    let options = Options { with_value: &["-W", "-X", "--check-hash-based-pycs"], code: &["-c"], module: &["-m"] };
    match options.first(words) {
        Operand::Module(module, rest) => launcher::application(module, rest).or_else(|| module_name(module)),
        Operand::Script(path, rest) => {
            let name = stem(path)?;
            let launched = launcher::application(&name, rest);
            launched.or_else(|| match name.as_str() {
                "__main__" | "manage" | "wsgi" | "asgi" => in_folder(path, folder).or(Some(name)),
                _ => Some(name),
            })
        }
        Operand::None => None,
    }
}

fn javascript(words: &[String], folder: Option<&str>) -> Option<String> {
    const WITH_VALUE: &[&str] = &[
        "-r",
        "--require",
        "--import",
        "--loader",
        "--experimental-loader",
        "-C",
        "--conditions",
        "--env-file",
        "--input-type",
        "--title",
        "--allow-net",
        "--config",
        "--cwd",
        "--preload",
    ];
    let options = Options { with_value: WITH_VALUE, code: &["-e", "--eval", "-p", "--print"], module: &[] };
    // `bun run FILE`, `deno run FILE`
    let words = words.strip_prefix(&["run".to_owned()]).unwrap_or(words);
    let Operand::Script(path, _) = options.first(words) else { return None };
    let name = stem(path)?;
    if EMPTY_NAMES.contains(&name.as_str()) { in_folder(path, folder).or(Some(name)) } else { Some(name) }
}

fn ruby(words: &[String], folder: Option<&str>) -> Option<String> {
    let options = Options { with_value: &["-I", "-r", "-C", "-E"], code: &["-e"], module: &[] };
    let Operand::Script(path, _) = options.first(words) else { return None };
    let name = stem(path)?;
    let is_launcher =
        ["puma", "unicorn", "rackup", "rails", "bundle", "thin", "falcon", "sidekiq"].contains(&name.as_str());
    if is_launcher { folder.and_then(folder_name).or(Some(name)) } else { Some(name) }
}

fn php(words: &[String], folder: Option<&str>) -> Option<String> {
    let options = Options { with_value: &["-d", "-c", "-S", "-t", "-z"], code: &["-r", "-B", "-R", "-E"], module: &[] };
    match options.first(words) {
        Operand::Script(path, _) => {
            let name = stem(path)?;
            let says_nothing = name == "artisan" || EMPTY_NAMES.contains(&name.as_str());
            if says_nothing { in_folder(path, folder).or(Some(name)) } else { Some(name) }
        }
        // `php -S ADDRESS` serves the folder it was started in.
        _ => words.iter().any(|word| word == "-S").then(|| folder.and_then(folder_name))?,
    }
}

/// `dotnet Shop.dll`, `dotnet exec Shop.dll`
fn dotnet(words: &[String]) -> Option<String> {
    let options = Options {
        with_value: &["--fx-version", "--roll-forward", "--additionalprobingpath", "--depsfile", "--runtimeconfig"],
        code: &[],
        module: &[],
    };
    let words = words.strip_prefix(&["exec".to_owned()]).unwrap_or(words);
    let Operand::Script(path, _) = options.first(words) else { return None };
    let name = last(path).strip_suffix(".dll")?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// The name of the node, without its host.
fn beam(words: &[String]) -> Option<String> {
    let name = words.iter().position(|word| word == "-sname" || word == "-name").and_then(|at| words.get(at + 1))?;
    let name = name.split('@').next().filter(|name| !name.is_empty())?;
    Some(name.to_owned())
}

/// A Python module, without the parts at its end that say nothing: `shop.wsgi` is shop.
fn module_name(module: &str) -> Option<String> {
    let mut parts: Vec<&str> = module.split('.').filter(|part| !part.is_empty()).collect();
    while parts.len() > 1 && parts.last().is_some_and(|last| EMPTY_NAMES.contains(last) || *last == "application") {
        parts.pop();
    }
    (!parts.is_empty()).then(|| parts.join("."))
}

/// The last folder of a script's path that says something.
fn in_folder(script: &str, folder: Option<&str>) -> Option<String> {
    let own = script.rsplit_once('/').map_or("", |(folder, _)| folder);
    let whole = if own.starts_with('/') { own.to_owned() } else { format!("{}/{own}", folder.unwrap_or_default()) };
    folder_name(&whole)
}

fn folder_name(path: &str) -> Option<String> {
    let says_something = |part: &&str| !matches!(*part, "" | "." | "..") && !EMPTY_FOLDERS.contains(part);
    // Folders above one that says nothing are looked at, but no more than two of them.
    path.rsplit('/').filter(|part| !matches!(*part, "" | ".")).take(3).find(says_something).map(str::to_owned)
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The last part of a path without its extension.
fn stem(path: &str) -> Option<String> {
    const EXTENSIONS: [&str; 16] = [
        ".py", ".pyc", ".pyz", ".js", ".mjs", ".cjs", ".ts", ".mts", ".tsx", ".rb", ".ru", ".php", ".pl", ".jar",
        ".war", ".dll",
    ];
    let name = last(path.trim_end_matches('/'));
    let name = EXTENSIONS.iter().find_map(|extension| name.strip_suffix(extension)).unwrap_or(name);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests;
