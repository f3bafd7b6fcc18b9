//! The border types as bytes of maps.
#![expect(unsafe_code, reason = "says which types may be taken for bytes")]

use throughline_common::missing::Missing;
use throughline_common::settings::Settings;
use throughline_common::target::Target;

/// A border type.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Wire<T>(pub(crate) T);

// SAFETY: `repr(C)`, integers only, and every byte of it is a field's.
unsafe impl aya::Pod for Wire<Settings> {}
// SAFETY: as above.
unsafe impl aya::Pod for Wire<Target> {}
// SAFETY: as above.
unsafe impl aya::Pod for Wire<Missing> {}

const _: () = assert!(size_of::<Target>() == 32);
const _: () = assert!(size_of::<Missing>() == 72);
const _: () = assert!(size_of::<Settings>() == 240);
