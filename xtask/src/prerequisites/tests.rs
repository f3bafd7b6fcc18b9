//! Other machines, played: what is found there, what is installed, what is said.

#![expect(clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

use std::cell::RefCell;

use super::*;

/// A machine with the given programs. What apt-get "installs" appears, unless it is to fail.
#[derive(Default)]
struct Played {
    programs: RefCell<Vec<&'static str>>,
    root: bool,
    apt_fails: bool,
    apt_brings_nothing: bool,
    ran: RefCell<Vec<String>>,
    said: RefCell<Vec<String>>,
}

impl Machine for Played {
    fn has_program(&self, name: &str) -> bool {
        self.programs.borrow().contains(&name)
    }

    fn has_file(&self, path: &str) -> bool {
        self.programs.borrow().contains(&path)
    }

    fn python(&self) -> Option<String> {
        self.has_program("python3").then(|| "python3".to_owned())
    }

    fn is_root(&self) -> bool {
        self.root
    }

    fn install(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
        self.ran.borrow_mut().push(format!("{program} {}", arguments.join(" ")));
        if self.apt_fails {
            return Err("E: no route".to_owned());
        }
        if arguments.contains(&"install") && !self.apt_brings_nothing {
            self.programs.borrow_mut().extend(["cmake", "make", "gcc", "python3", "nginx", "node"]);
        }
        Ok(())
    }

    fn say(&self, line: &str) {
        self.said.borrow_mut().push(line.to_owned());
    }
}

fn machine(programs: &[&'static str], root: bool) -> Played {
    Played { programs: RefCell::new(programs.to_vec()), root, ..Played::default() }
}

#[test]
fn nothing_is_run_where_nothing_is_missing() {
    let complete = machine(&["cmake", "ninja", "clang", "apt-get"], true);
    assert_eq!(ensure_on(&complete, BUILD), Ok(()));
    assert!(complete.ran.borrow().is_empty() && complete.said.borrow().is_empty());
}

#[test]
fn root_with_apt_installs_what_is_missing_and_says_so_in_one_line() {
    let bare = machine(&["make", "cc", "apt-get"], true);
    assert_eq!(ensure_on(&bare, BUILD), Ok(()));
    let ran = bare.ran.borrow();
    let [update, install] = ran.as_slice() else { panic!("one update and one installation: {ran:?}") };
    assert_eq!(update, "apt-get update -qq");
    assert!(install.contains("install") && install.ends_with(" cmake"), "{install}");
    assert_eq!(
        *bare.said.borrow(),
        ["installing cmake with apt-get: cmake is missing (it builds zlib-ng for the proxy)"]
    );
}

#[test]
fn elsewhere_the_exact_command_is_printed_and_nothing_run() {
    let table: &[(&[&str], bool, &str)] = &[
        (&["apt-get"], false, "run: sudo apt-get update && sudo apt-get install -y cmake make gcc libc6-dev"),
        (&["dnf"], true, "run: sudo dnf install -y cmake make gcc glibc-devel"),
        (&["apk"], true, "run: sudo apk add cmake make gcc musl-dev"),
        (&["brew"], false, "run: brew install cmake make llvm"),
        (&[], true, "install it with this system's package manager and run the command again"),
    ];
    for (programs, root, expected) in table {
        let other = machine(programs, *root);
        let failure = ensure_on(&other, BUILD).expect_err("nothing is there").to_string();
        assert!(failure.ends_with(expected), "{programs:?}: {failure}");
        assert!(failure.contains("cmake is missing (it builds zlib-ng for the proxy)"), "{failure}");
        assert!(other.ran.borrow().is_empty(), "{programs:?} as root {root} ran something");
    }
}

#[test]
fn an_installation_that_fails_or_brings_nothing_is_a_failure_with_its_cause() {
    let offline = Played { apt_fails: true, ..machine(&["apt-get"], true) };
    let failure = ensure_on(&offline, REAL_SOFTWARE).expect_err("apt-get failed").to_string();
    assert!(failure.contains("apt-get could not install") && failure.contains("E: no route"), "{failure}");

    let useless = Played { apt_brings_nothing: true, ..machine(&["apt-get", "nginx", "node"], true) };
    let failure = ensure_on(&useless, REAL_SOFTWARE).expect_err("python3 is still missing").to_string();
    assert!(failure.starts_with("apt-get ended well, yet python3 with venv is missing"), "{failure}");
}

#[test]
fn a_program_is_found_only_on_the_path_and_only_if_it_may_be_run() {
    let folder = std::env::temp_dir().join(format!("xtask-path-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temp folder");
    std::fs::write(folder.join("cmake"), "not a program").expect("a file");
    let path = std::env::join_paths([&folder]).expect("a path");
    assert!(!machine::is_on(&path, "cmake"), "a file without the right to run is no program");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let may_run = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.join("cmake"), may_run).expect("permissions");
        assert!(machine::is_on(&path, "cmake"));
    }
    assert!(!machine::is_on(&path, "make"));
    std::fs::remove_dir_all(&folder).expect("the temp folder goes");
}
