//! Files of `/proc` and executables: the first byte of the input says which.

use super::super::trace::counts::Label;
use super::super::workload::cgroup::Cgroup;
use super::super::workload::command::Command;
use super::super::workload::elf::Elf;
use super::super::workload::environ::Environment;
use super::super::workload::runtime::{Runtime, mapped_files};
use super::super::workload::script::script;
use super::super::workload::stat::Stat;
use super::super::workload::telemetry::Telemetry;

/// Longer paths and texts are cut.
const MAX_TEXT: usize = 4096;
/// What is read of an executable at most: the header, sections, their names, a comment.
const MAX_EXECUTABLE: usize = 64 + 1024 * 64 + (64 << 10) + 4096;

/// Whatever other programs write where it is read, it is read within bounds, and what is found lies in it.
pub fn process(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    match kind % 6 {
        0 => cgroup(&String::from_utf8_lossy(rest)),
        1 => command(rest),
        2 => environment(rest),
        3 => executable(rest),
        4 => maps(&String::from_utf8_lossy(rest)),
        _ => stat(rest),
    }
}

fn cgroup(file: &str) {
    let read = Cgroup::parse(file);
    assert!(read.path.len() <= MAX_TEXT && file.contains(&read.path));
    if let Some(container) = read.container {
        let is_id = container.id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        assert!(is_id && container.id.len() >= 12 && read.path.contains(&*container.id));
        assert!(container.pod.is_none_or(|uid| uid.len() == 32 || uid.len() == 36));
    }
    assert!(
        read.unit.is_none_or(|unit| (unit.ends_with(".service") || unit.ends_with(".scope")) && !unit.contains('/'))
    );
}

fn command(file: &[u8]) {
    let read = Command::parse(file);
    assert!(read.text().len() <= MAX_TEXT && read.words().len() <= 2048);
    let words: usize = read.words().iter().map(String::len).sum();
    // What is not UTF-8 becomes a character of three bytes.
    assert!(words <= 3 * file.len());
    for runtime in Runtime::ALL {
        for folder in [None, Some("/srv/shop"), Some("/"), Some("")] {
            assert!(script(*runtime, &read, folder).is_none_or(|name| !name.is_empty()), "{runtime:?}");
        }
    }
    let _ = Telemetry::of(&read, &Environment::default(), []);
}

fn environment(file: &[u8]) {
    let read = Environment::parse(file);
    if let Some(service) = read.service {
        assert!(!service.trim().is_empty() && String::from_utf8_lossy(file).contains(&service));
    }
}

fn executable(file: &[u8]) {
    let mut asked = 0;
    let read = Elf::read(|offset, most| {
        asked += most;
        let rest = file.get(usize::try_from(offset).ok()?..)?;
        rest.get(..most.min(rest.len())).map(<[u8]>::to_vec)
    });
    assert!(asked <= MAX_EXECUTABLE);
    assert!(read.is_none() || file.starts_with(b"\x7fELF"));
}

fn maps(file: &str) {
    let files: Vec<&str> = mapped_files(file).collect();
    assert!(files.iter().all(|path| path.starts_with('/') && file.contains(path)));
    assert!(files.windows(2).all(|pair| pair.first() != pair.last()));
    let _ = Runtime::of_libraries(files);
}

fn stat(file: &[u8]) {
    if let Some(read) = Stat::parse(file) {
        assert!(file.contains(&b'(') && file.contains(&b')'));
        assert!(read.name.len() <= 3 * file.len());
    }
}
