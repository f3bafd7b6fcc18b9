//! The settings, which the user side writes before it loads the programs. The verifier knows their values and drops
//! what they rule out.

use throughline_common::settings::Settings;

/// Read by name by the user side.
#[unsafe(no_mangle)]
static SETTINGS: Settings =
    // SAFETY: integers, for which zero is a value.
    unsafe { core::mem::zeroed() };

/// The settings. Read single fields with [`value`], never the whole.
pub(crate) fn settings() -> &'static Settings {
    &SETTINGS
}

/// The present value of a field: the compiler must not take it for the one it was compiled with.
#[inline(always)]
pub(crate) fn value<T: Copy>(field: &T) -> T {
    // SAFETY: a reference can be read from.
    unsafe { core::ptr::read_volatile(field) }
}

/// The value of a setting by its name.
macro_rules! setting {
    ($($field:tt)+) => { $crate::settings::value(&$crate::settings::settings().$($field)+) };
}
pub(crate) use setting;
