//! The resource all spans and metrics of this process share, beside `service.name`.
//!
//! What the user sets in `OTEL_RESOURCE_ATTRIBUTES` wins over what is found here.

use std::hash::{BuildHasher, RandomState};

use opentelemetry_semantic_conventions::attribute as semconv;

/// The attributes of this process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resource {
    strings: Vec<(String, String)>,
    numbers: Vec<(String, u64)>,
}

impl Resource {
    /// What is known of this process and host, and what the user adds.
    #[must_use]
    pub fn detect(configured: &[(String, String)]) -> Self {
        let mut resource = Self { strings: configured.to_vec(), numbers: Vec::new() };
        for (key, value) in [
            (semconv::HOST_NAME, host_name()),
            (semconv::HOST_ARCH, Some(architecture(std::env::consts::ARCH).to_owned())),
            (semconv::OS_TYPE, Some(std::env::consts::OS.to_owned())),
            (semconv::PROCESS_EXECUTABLE_NAME, executable_name()),
            (semconv::SERVICE_INSTANCE_ID, Some(random_uuid())),
            (semconv::TELEMETRY_SDK_LANGUAGE, Some("rust".to_owned())),
            (semconv::TELEMETRY_SDK_NAME, Some(env!("CARGO_PKG_NAME").to_owned())),
            (semconv::TELEMETRY_SDK_VERSION, Some(env!("CARGO_PKG_VERSION").to_owned())),
            (semconv::TELEMETRY_DISTRO_NAME, Some(env!("CARGO_PKG_NAME").to_owned())),
            (semconv::TELEMETRY_DISTRO_VERSION, Some(env!("CARGO_PKG_VERSION").to_owned())),
        ] {
            if let Some(value) = value.filter(|_| !resource.has(key)) {
                resource.strings.push((key.to_owned(), value));
            }
        }
        if !resource.has(semconv::PROCESS_PID) {
            resource.numbers.push((semconv::PROCESS_PID.to_owned(), u64::from(std::process::id())));
        }
        resource
    }

    /// The attributes that are text.
    pub fn strings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.strings.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The attributes that are numbers.
    pub fn numbers(&self) -> impl Iterator<Item = (&str, u64)> {
        self.numbers.iter().map(|(key, value)| (key.as_str(), *value))
    }

    fn has(&self, key: &str) -> bool {
        self.strings.iter().any(|(have, _)| have == key)
    }
}

fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

fn executable_name() -> Option<String> {
    Some(std::env::current_exe().ok()?.file_name()?.to_string_lossy().into_owned())
}

/// The conventions' name for Rust's.
fn architecture(arch: &str) -> &str {
    match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        "powerpc" => "ppc32",
        "powerpc64" => "ppc64",
        other => other,
    }
}

/// A version 4 UUID (RFC 9562) from the operating system's randomness, by way of the hasher's keys.
fn random_uuid() -> String {
    let random = || u128::from(RandomState::new().hash_one(std::process::id()));
    let bits = random() << 64 | random();
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_wins_over_what_is_found() {
        let resource = Resource::detect(&[("host.name".to_owned(), "mine".to_owned())]);
        let hosts: Vec<_> = resource.strings().filter(|(key, _)| *key == "host.name").collect();
        assert_eq!(hosts, [("host.name", "mine")]);
        assert!(resource.numbers().any(|(key, _)| key == "process.pid"));
    }

    #[test]
    fn instance_ids_are_uuids_and_differ() {
        let (a, b) = (random_uuid(), random_uuid());
        assert_ne!(a, b);
        assert_eq!((a.len(), a.get(14..15)), (36, Some("4")), "{a}");
        assert!(matches!(a.get(19..20), Some("8" | "9" | "a" | "b")), "{a}");
    }
}
