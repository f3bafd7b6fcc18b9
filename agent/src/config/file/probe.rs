//! The section `probe`: the kernel probe, its targets, names and bounds.

use super::section::{Entry, Reader, Scalar, Section};
use super::suggest::nearest;
use crate::config::probe::{self, Enabled, MAX_LITERALS, ProbeConfig};
use crate::config::values;
use crate::config::workload::{KINDS, NameRule, NameTemplate, Selector};

const HEAD_BYTES: std::ops::RangeInclusive<u64> = 512..=65_536;
const RING_BYTES: std::ops::RangeInclusive<u64> = 4096..=1_073_741_824;
const BUDGET: std::ops::RangeInclusive<u64> = 0..=1_000_000;

pub(super) fn read(reader: &mut Reader<'_>, mut section: Section) -> ProbeConfig {
    let default = ProbeConfig::default();
    let enabled_at = section.place_of("enabled");
    let enabled = reader.choice(&mut section, "enabled").unwrap_or_default();
    let says_targets = section.has("targets");
    let targets = reader.values(&mut section, "targets", selector);
    if enabled == Enabled::Always && !says_targets && !reader.outside.has_targets() {
        let remedy = "name what it watches, for example targets: [\"port:8080\"], or write enabled: auto";
        reader.problem(enabled_at, &section.path_of("enabled"), "there is nothing for the probe to watch", remedy);
    }
    let small = |number: Option<u64>, default| number.and_then(|number| u32::try_from(number).ok()).unwrap_or(default);
    let read = ProbeConfig {
        enabled,
        targets,
        names: names(reader, &mut section),
        head_bytes: small(reader.number(&mut section, "head_bytes", HEAD_BYTES), default.head_bytes),
        ring_bytes: small(reader.value(&mut section, "ring_bytes", ring_bytes), default.ring_bytes),
        budget: small(reader.number(&mut section, "budget", BUDGET), default.budget),
        gate: reader.value(&mut section, "gate", values::timeout).unwrap_or(default.gate),
        literals: literals(reader, &mut section).unwrap_or(default.literals),
        ..default
    };
    section.finish(reader);
    read
}

fn selector(reader: &mut Reader<'_>, scalar: &Scalar) -> Option<Selector> {
    reader.parsed(scalar, |text| {
        text.parse().map_err(|expected: String| {
            let kind = text.split_once(':').map_or(text, |(kind, _)| kind);
            match nearest(kind, &KINDS).filter(|near| *near != kind) {
                Some(near) => format!("did you mean {near}? {expected}"),
                None => expected,
            }
        })
    })
}

fn names(reader: &mut Reader<'_>, section: &mut Section) -> Vec<NameRule> {
    let Some(entry) = section.take("names") else { return Vec::new() };
    reader.list(entry).into_iter().filter_map(|member| name(reader, member)).collect()
}

fn name(reader: &mut Reader<'_>, member: Entry) -> Option<NameRule> {
    let mut section = reader.section(member)?;
    for (key, remedy) in [("when", "say whose name it is, for example when: port:8080"), ("name", "write the name")] {
        if !section.has(key) {
            reader.missing(&section, key, remedy);
        }
    }
    let when = reader.values(&mut section, "when", selector);
    let name = reader.value(&mut section, "name", name_template);
    section.finish(reader);
    (!when.is_empty()).then_some(NameRule { when, name: name? })
}

fn name_template(text: &str) -> Result<NameTemplate, String> {
    let template: NameTemplate = text.parse()?;
    super::proxies::service(text)?;
    Ok(template)
}

fn ring_bytes(text: &str) -> Result<u64, String> {
    let (least, most) = (RING_BYTES.start(), RING_BYTES.end());
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse::<u64>().ok().filter(|_| digits);
    let fits = number.filter(|number| RING_BYTES.contains(number) && number.is_power_of_two());
    fits.ok_or_else(|| format!("write a power of two from {least} to {most}, for example 8388608"))
}

fn literals(reader: &mut Reader<'_>, section: &mut Section) -> Option<Vec<String>> {
    let (at, said) = (section.place_of("literals"), section.has("literals"));
    let literals = reader.values(section, "literals", |reader, scalar| reader.parsed(scalar, probe::literal));
    if literals.len() > MAX_LITERALS {
        let problem = format!("there is room for {MAX_LITERALS}, and here are {}", literals.len());
        reader.problem(at, &section.path_of("literals"), problem, "leave some out");
    }
    said.then_some(literals)
}
