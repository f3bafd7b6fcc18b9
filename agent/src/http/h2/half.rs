//! One way of a connection of HTTP/2: from bytes to frames and field blocks.

use super::frame::{Frame, HEADER_LENGTH, Kind, flags};
use super::hpack::Decoder;
use super::streams::{Block, Streams};
use crate::http::connection::Limits;
use crate::http::event::{Event, Lost, Way};
use crate::http::head::{Fields, RequestLine, ResponseHead, Version};
use crate::http::recognise::PREFACE;
use crate::http::wipe;

/// One way.
#[derive(Debug)]
pub(super) struct Half {
    way: Way,
    decoder: Decoder,
    /// What of the client's preface is still to come.
    preface: &'static [u8],
    place: Place,
    /// The payload of a frame that has to be read, as far as it has come.
    payload: Vec<u8>,
    /// A field block whose end has not come.
    block: Option<Unfinished>,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// In a frame's header, of which so many bytes have come.
    Header([u8; HEADER_LENGTH], usize),
    /// In a frame's payload, of which so many bytes are to come.
    Payload(Frame, u32),
}

#[derive(Debug)]
struct Unfinished {
    stream: u32,
    /// The HEADERS frame had END_STREAM.
    ends_stream: bool,
    /// It announces a request that the server answers unasked.
    is_promise: bool,
    bytes: Vec<u8>,
}

impl Half {
    pub(super) fn new(way: Way, limits: &Limits) -> Self {
        Self {
            way,
            decoder: Decoder::new(limits.table),
            preface: if way == Way::Requests { PREFACE } else { &[] },
            place: Place::Header([0; HEADER_LENGTH], 0),
            payload: Vec::new(),
            block: None,
        }
    }

    /// Reads these bytes.
    ///
    /// # Errors
    /// After an error nothing more can be read.
    pub(super) fn push(
        &mut self,
        mut bytes: &[u8],
        limits: &Limits,
        streams: &mut Streams,
        events: &mut Vec<Event>,
    ) -> Result<(), Lost> {
        let common = self.preface.len().min(bytes.len());
        let (awaited, preface) = self.preface.split_at_checked(common).unwrap_or_default();
        bytes = bytes.strip_prefix(awaited).ok_or(Lost::Malformed)?;
        self.preface = preface;
        while !bytes.is_empty() {
            match self.place {
                Place::Header(mut header, filled) => {
                    let common = bytes.len().min(HEADER_LENGTH - filled);
                    let (now, rest) = bytes.split_at_checked(common).unwrap_or_default();
                    header.iter_mut().skip(filled).zip(now).for_each(|(place, byte)| *place = *byte);
                    bytes = rest;
                    self.place = Place::Header(header, filled + common);
                    if filled + common == HEADER_LENGTH {
                        self.begin(Frame::read(header), limits, streams, events)?;
                    }
                }
                Place::Payload(frame, left) => {
                    let common = bytes.len().min(left as usize);
                    let (now, rest) = bytes.split_at_checked(common).unwrap_or_default();
                    bytes = rest;
                    if frame.is_read() {
                        self.payload.extend_from_slice(now);
                    }
                    self.advance(frame, left - common as u32, limits, streams, events)?;
                }
            }
        }
        Ok(())
    }

    /// So many bytes went by unseen: nothing is lost within a frame whose payload is not read.
    ///
    /// # Errors
    /// Anywhere else.
    pub(super) fn skip(
        &mut self,
        bytes: u64,
        limits: &Limits,
        streams: &mut Streams,
        events: &mut Vec<Event>,
    ) -> Result<(), Lost> {
        match self.place {
            Place::Payload(frame, left) if !frame.is_read() && bytes <= u64::from(left) => {
                let left = u64::from(left) - bytes;
                self.advance(frame, u32::try_from(left).unwrap_or(u32::MAX), limits, streams, events)
            }
            _ => Err(Lost::Hole),
        }
    }

    fn begin(
        &mut self,
        frame: Frame,
        limits: &Limits,
        streams: &mut Streams,
        events: &mut Vec<Event>,
    ) -> Result<(), Lost> {
        // Section 6.10: nothing comes between the frames of a block.
        let continues = frame.kind == Kind::Continuation;
        let is_awaited = self.block.as_ref().is_some_and(|block| block.stream == frame.stream);
        if continues != self.block.is_some() || continues && !is_awaited {
            return Err(Lost::Malformed);
        }
        if frame.is_read() && frame.length as usize > limits.header_list {
            return Err(Lost::TooLong);
        }
        if frame.kind == Kind::Headers {
            if frame.stream == 0 {
                return Err(Lost::Malformed);
            }
            streams.begin(self.way, frame.stream, events)?;
        }
        self.advance(frame, frame.length, limits, streams, events)
    }

    /// So many bytes of a frame are still to come.
    fn advance(
        &mut self,
        frame: Frame,
        left: u32,
        limits: &Limits,
        streams: &mut Streams,
        events: &mut Vec<Event>,
    ) -> Result<(), Lost> {
        if left > 0 {
            self.place = Place::Payload(frame, left);
            return Ok(());
        }
        self.place = Place::Header([0; HEADER_LENGTH], 0);
        let payload = std::mem::take(&mut self.payload);
        match frame.kind {
            Kind::Data if frame.has(flags::END_STREAM) => streams.end(self.way, frame.stream, events),
            Kind::ResetStream => streams.reset(frame.stream, events),
            Kind::GoAway if self.way == Way::Responses => {
                if let Some([a, b, c, d]) = payload.first_chunk() {
                    streams.go_away(u32::from_be_bytes([a & 0x7f, *b, *c, *d]), events);
                }
            }
            Kind::Headers | Kind::PushPromise | Kind::Continuation => {
                let fragment = frame.fragment(&payload).ok_or(Lost::Malformed)?;
                let block = self.block.get_or_insert_with(|| Unfinished {
                    stream: frame.stream,
                    ends_stream: frame.kind == Kind::Headers && frame.has(flags::END_STREAM),
                    is_promise: frame.kind == Kind::PushPromise,
                    bytes: Vec::new(),
                });
                if block.bytes.len() + fragment.len() > limits.header_list {
                    return Err(Lost::TooLong);
                }
                block.bytes.extend_from_slice(fragment);
                if frame.has(flags::END_HEADERS) {
                    self.end_block(limits, streams, events)?;
                }
            }
            Kind::Data | Kind::GoAway | Kind::Other => {}
        }
        wipe(payload);
        Ok(())
    }

    fn end_block(&mut self, limits: &Limits, streams: &mut Streams, events: &mut Vec<Event>) -> Result<(), Lost> {
        let Some(block) = self.block.take() else { return Ok(()) };
        let read = read(&mut self.decoder, &block.bytes, limits.header_list)?;
        wipe(block.bytes);
        if !block.is_promise {
            let fits = match read {
                Block::Request(_) => self.way == Way::Requests,
                Block::Response(_) => self.way == Way::Responses,
                Block::Trailers => true,
            };
            if fits {
                streams.take(block.stream, read, events);
            }
            if block.ends_stream {
                streams.end(self.way, block.stream, events);
            }
        }
        Ok(())
    }
}

/// Section 8.3: pseudo-header fields stand for the request line and for the status.
fn read(decoder: &mut Decoder, block: &[u8], longest: usize) -> Result<Block, Lost> {
    let mut fields = Fields::default();
    let (mut method, mut path, mut authority, mut status) = (None, None, None, None);
    decoder.decode(block, longest, |name, value| match name {
        b":method" => method = Some(value.to_vec()),
        b":path" => path = Some(value.to_vec()),
        b":authority" => authority = Some(value.to_vec()),
        b":status" => status = std::str::from_utf8(value).ok().and_then(|status| status.parse().ok()),
        _ => fields.take(name, value),
    })?;
    if let Some(status @ 100..1000) = status {
        return Ok(Block::Response(ResponseHead { status, version: Version::Http2 }));
    }
    let Some(method) = method else { return Ok(Block::Trailers) };
    // Section 8.5: CONNECT has no path.
    let target = path.as_ref().or(authority.as_ref()).map(Vec::as_slice).unwrap_or_default();
    let line = RequestLine { method: &method, target, version: Version::Http2, authority: authority.as_deref() };
    Ok(Block::Request(Box::new(fields.into_head(&line, false))))
}
