//! Frames of HTTP/2 (RFC 9113, sections 4 and 6), as far as they matter here.

/// Bytes of a frame's header.
pub(super) const HEADER_LENGTH: usize = 9;

/// Flags of a frame.
pub(super) mod flags {
    pub(in super::super) const END_STREAM: u8 = 1;
    pub(in super::super) const END_HEADERS: u8 = 4;
    pub(in super::super) const PADDED: u8 = 8;
    pub(in super::super) const PRIORITY: u8 = 32;
}

/// Types of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Headers,
    ResetStream,
    PushPromise,
    GoAway,
    Continuation,
    /// Any other type: nothing that is told depends on it, or it is unknown and must be passed over (section 5.5).
    Other,
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) length: u32,
    pub(super) kind: Kind,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl Frame {
    pub(super) fn read(bytes: [u8; HEADER_LENGTH]) -> Self {
        let [high, middle, low, kind, flags, stream @ ..] = bytes;
        let [a, b, c, d] = stream;
        Self {
            length: u32::from_be_bytes([0, high, middle, low]),
            kind: match kind {
                0 => Kind::Data,
                1 => Kind::Headers,
                3 => Kind::ResetStream,
                5 => Kind::PushPromise,
                7 => Kind::GoAway,
                9 => Kind::Continuation,
                _ => Kind::Other,
            },
            flags,
            stream: u32::from_be_bytes([a & 0x7f, b, c, d]),
        }
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether its payload has to be read.
    pub(super) fn is_read(&self) -> bool {
        matches!(self.kind, Kind::Headers | Kind::PushPromise | Kind::GoAway | Kind::Continuation)
    }

    /// The part of a payload that belongs to the field block (sections 6.2, 6.6 and 6.10). `None` where the payload is
    /// shorter than its padding and its other fields.
    pub(super) fn fragment<'a>(&self, payload: &'a [u8]) -> Option<&'a [u8]> {
        if self.kind == Kind::Continuation {
            return Some(payload);
        }
        let (padding, rest) = if self.has(flags::PADDED) {
            let (padding, rest) = payload.split_first()?;
            (usize::from(*padding), rest)
        } else {
            (0, payload)
        };
        let before = match self.kind {
            Kind::Headers if self.has(flags::PRIORITY) => 5,
            Kind::PushPromise => 4,
            _ => 0,
        };
        let rest = rest.get(before..)?;
        rest.get(..rest.len().checked_sub(padding)?)
    }
}
