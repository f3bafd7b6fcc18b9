//! The emergency switch as a value: while it is on, every request is forwarded untouched and nothing is recorded.
//!
//! Set by an admin request or a signal, read once per request. Knows neither of them.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The emergency switch. Off at first.
#[derive(Debug, Default)]
pub struct Bypass(AtomicBool);

impl Bypass {
    /// Forward everything untouched from the next request on. Returns whether this changed anything.
    pub fn set(&self) -> bool {
        !self.0.swap(true, Relaxed)
    }

    /// Back to normal from the next request on. Returns whether this changed anything.
    pub fn clear(&self) -> bool {
        self.0.swap(false, Relaxed)
    }

    /// The other of the two; returns the new state. For a signal, which carries no argument.
    pub fn toggle(&self) -> bool {
        !self.0.fetch_not(Relaxed)
    }

    /// Whether everything is forwarded untouched.
    pub fn is_on(&self) -> bool {
        self.0.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::Bypass;

    #[test]
    fn set_and_clear_say_whether_they_changed_anything() {
        let bypass = Bypass::default();
        assert!(!bypass.is_on(), "off at first");
        assert!(bypass.set(), "the first set changes it");
        assert!(!bypass.set(), "the second does not");
        assert!(bypass.is_on());
        assert!(bypass.clear(), "the first clear changes it");
        assert!(!bypass.clear(), "the second does not");
        assert!(!bypass.is_on());
    }

    #[test]
    fn toggle_returns_the_new_state() {
        let bypass = Bypass::default();
        assert!(bypass.toggle());
        assert!(bypass.is_on());
        assert!(!bypass.toggle());
        assert!(!bypass.is_on());
    }
}
