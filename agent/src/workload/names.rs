//! What a service is called: by the configuration's rules, by its own environment, by what runs. Pure.

use super::subject::Subject;
use crate::config::workload::{NameField, NamePart, NameRule, NameTemplate};
use crate::label;

/// Bytes of a name.
const MAX_NAME: usize = 128;
/// Characters of a container's id that people use.
const SHORT_ID: usize = 12;

/// Where the name of a service comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NamedBy {
    /// A rule of the configuration.
    Rule,
    /// `OTEL_SERVICE_NAME`, or `service.name` in `OTEL_RESOURCE_ATTRIBUTES`, of the process itself.
    Environment,
    /// Its systemd unit.
    Unit,
    /// The script, module or archive that an interpreter runs.
    Script,
    /// Its executable.
    Executable,
    /// Nothing but its id was known.
    Pid,
}

label!(NamedBy {
    Rule => "rule",
    Environment => "environment",
    Unit => "unit",
    Script => "script",
    Executable => "executable",
    Pid => "pid",
});

/// What a process says of its own name.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Own<'a> {
    /// In its environment.
    pub(super) environment: Option<&'a str>,
    /// On its command line.
    pub(super) script: Option<&'a str>,
    /// Whether systemd started it, so that it stands for its unit. What a supervisor, a job scheduler or a login started
    /// is in the unit of that, and there may be several.
    pub(super) is_main_of_unit: bool,
}

/// The name of the service that this process stands for.
pub(super) fn service(subject: &Subject<'_>, own: Own<'_>, rules: &[NameRule]) -> (String, NamedBy) {
    let default = default(subject, own);
    let rule = rules.iter().find(|rule| rule.when.iter().all(|selector| subject.is_described_by(selector)));
    // A rule whose fields are all empty here names nothing.
    let named = rule.map(|rule| fill(&rule.name, subject, own, &default.0)).filter(|name| !name.is_empty());
    named.map_or(default, |name| (name, NamedBy::Rule))
}

fn default(subject: &Subject<'_>, own: Own<'_>) -> (String, NamedBy) {
    let unit = subject.unit.and_then(|unit| unit.strip_suffix(".service")).filter(|_| own.is_main_of_unit);
    let candidates = [
        (own.environment, NamedBy::Environment),
        (unit.map(without_instance), NamedBy::Unit),
        (own.script, NamedBy::Script),
        (Some(subject.executable_name()), NamedBy::Executable),
    ];
    let mut clean = candidates.into_iter().filter_map(|(name, by)| Some((cleaned(name?), by)));
    clean.find(|(name, _)| !name.is_empty()).unwrap_or_else(|| (format!("pid-{}", subject.pid), NamedBy::Pid))
}

/// `shop@2` is an instance of `shop@.service`, and the same service.
fn without_instance(unit: &str) -> &str {
    unit.split_once('@').map_or(unit, |(template, _)| template)
}

fn fill(template: &NameTemplate, subject: &Subject<'_>, own: Own<'_>, default: &str) -> String {
    let mut name = String::new();
    for part in template.parts() {
        match part {
            NamePart::Text(text) => name.push_str(text),
            NamePart::Field(field) => match field {
                NameField::Executable => name.push_str(subject.executable_name()),
                NameField::Script => name.push_str(own.script.unwrap_or_default()),
                NameField::Unit => {
                    let unit = subject.unit.unwrap_or_default();
                    name.push_str(unit.strip_suffix(".service").unwrap_or(unit));
                }
                NameField::Port => {
                    let port = subject.ports.iter().min().map(u16::to_string);
                    name.push_str(&port.unwrap_or_default());
                }
                NameField::Container => {
                    let id = subject.container.unwrap_or_default();
                    name.push_str(id.get(..id.floor_char_boundary(SHORT_ID)).unwrap_or_default());
                }
                NameField::Pod => name.push_str(subject.pod.unwrap_or_default()),
                NameField::Default => name.push_str(default),
            },
        }
    }
    cleaned(&name)
}

/// Without control characters and space around, and not too long.
fn cleaned(name: &str) -> String {
    let name = name.trim();
    let name = name.get(..name.floor_char_boundary(MAX_NAME)).unwrap_or_default();
    name.chars().map(|letter| if letter.is_control() { '_' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;

    fn rule(when: &[&str], name: &str) -> NameRule {
        NameRule { when: when.iter().map(|when| when.parse().unwrap()).collect(), name: name.parse().unwrap() }
    }

    fn shop() -> Subject<'static> {
        Subject {
            pid: 7,
            leader: 7,
            executable: "/usr/bin/python3.11",
            command: "python3 shop.py",
            ports: &[9000, 8080],
            cgroup: "/system.slice/shop@2.service",
            unit: Some("shop@2.service"),
            container: Some("8c1e5f6b2d3a4958b7c6d5e4f3a2b1c0"),
            pod: Some("b6d5c0de"),
        }
    }

    #[test]
    fn the_first_rule_that_fits_names_it() {
        let rules = [
            rule(&["port:9999"], "other"),
            rule(&["exe:python*", "port:8080"], "{script}-{port}-{container}"),
            rule(&["all"], "all"),
        ];
        let own = Own { environment: Some("env"), script: Some("web"), is_main_of_unit: true };
        assert_eq!(service(&shop(), own, &rules), ("web-8080-8c1e5f6b2d3a".into(), NamedBy::Rule));
        for (template, expected) in [
            ("{exe}", "python3.11"),
            ("{unit}", "shop@2"),
            ("{pod}", "b6d5c0de"),
            ("x-{default}", "x-env"),
            ("plain", "plain"),
        ] {
            assert_eq!(service(&shop(), own, &[rule(&["pid:7"], template)]).0, expected, "{template}");
        }
        let nothing = Subject { pod: None, ..shop() };
        assert_eq!(service(&nothing, own, &[rule(&["all"], "{pod}")]).1, NamedBy::Environment, "an empty name");
    }

    #[test]
    fn without_a_rule_it_names_itself() {
        let own = Own { environment: Some("env"), script: Some("web"), is_main_of_unit: true };
        let rows = [
            (own, shop(), "env", NamedBy::Environment, "its environment"),
            (Own { environment: Some(" \u{1b}[2Jx "), ..own }, shop(), "_[2Jx", NamedBy::Environment, "made harmless"),
            (Own { environment: None, ..own }, shop(), "shop", NamedBy::Unit, "its unit, whatever the instance"),
            (
                Own { environment: None, is_main_of_unit: false, ..own },
                shop(),
                "web",
                NamedBy::Script,
                "a child of a supervisor is not its unit",
            ),
            (
                Own { environment: Some(" "), ..own },
                Subject { unit: Some("session-3.scope"), ..shop() },
                "web",
                NamedBy::Script,
                "a session is no service",
            ),
            (Own::default(), shop(), "python3.11", NamedBy::Executable, "its executable"),
            (Own::default(), Subject { executable: "", ..shop() }, "pid-7", NamedBy::Pid, "nothing"),
        ];
        for (own, subject, name, by, reason) in rows {
            assert_eq!(service(&subject, own, &[]), (name.to_owned(), by), "{reason}");
        }
        let long = "ä".repeat(1000);
        let (name, _) = service(&shop(), Own { environment: Some(&long), ..own }, &[]);
        assert!(name.len() <= MAX_NAME && name.starts_with('ä'));
    }
}
