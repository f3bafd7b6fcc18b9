//! Writes a recording: a file that `report` and others can replay. A disk that is full costs observations, which are
//! counted, and never a request.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::gap::ndjson::{self, Reader};
use crate::gap::observation::Observation;
use crate::gap::sink::ObservationConsumer;
use crate::trace::counts::Counter;

/// Bytes that are collected before they are written, unless time passes first.
const BATCH: usize = 256 * 1024;
/// A longer first line is no header.
const LONGEST_HEADER: u64 = 4096;

/// Why a recording cannot be begun.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It cannot be opened or created.
    #[error("--observe: cannot write {}: {cause}; name a file in a folder that can be written to", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// Something else is there.
    #[error("--observe: {} is there and is no recording: {problem}; name another file, or remove it", path.display())]
    NotARecording {
        /// The file.
        path: PathBuf,
        /// Why it is none.
        problem: String,
    },
}

/// What became of observations.
#[derive(Debug, Default)]
pub struct RecordingCounts {
    /// Written.
    pub written: Counter,
    /// Not written, because the disk refused.
    pub failed: Counter,
}

/// A recording that is being written.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    file: File,
    batch: Vec<u8>,
    /// Observations in the batch.
    waiting: u64,
    /// Whether the last write failed, perhaps in the middle of a line.
    broken: bool,
    has_complained: bool,
    counts: Arc<RecordingCounts>,
}

impl Recording {
    /// Begins a recording in a new file, or goes on with one that is there: with a header of its own.
    ///
    /// # Errors
    /// A file that is no recording, or one that cannot be written.
    pub fn open(path: &Path, counts: Arc<RecordingCounts>) -> Result<Self, RecordingError> {
        let open = |cause| RecordingError::Open { path: path.to_owned(), cause };
        let mut batch = Vec::new();
        let file = match OpenOptions::new().append(true).create_new(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !std::fs::metadata(path).map_err(open)?.is_file() {
                    let problem = "it is no ordinary file".to_owned();
                    return Err(RecordingError::NotARecording { path: path.to_owned(), problem });
                }
                let mut file = OpenOptions::new().read(true).append(true).open(path).map_err(open)?;
                if let Err(problem) = check_header(&file).map_err(open)? {
                    return Err(RecordingError::NotARecording { path: path.to_owned(), problem });
                }
                if ends_within_a_line(&mut file).map_err(open)? {
                    batch.push(b'\n');
                }
                file
            }
            Err(error) => return Err(open(error)),
        };
        ndjson::write_header(&mut batch);
        let mut recording = Self {
            path: path.to_owned(),
            file,
            batch: Vec::new(),
            waiting: 0,
            broken: false,
            has_complained: false,
            counts,
        };
        recording.file.write_all(&batch).map_err(open)?;
        Ok(recording)
    }

    fn add(&mut self, observation: &Observation) {
        ndjson::write(observation, &mut self.batch);
        self.waiting += 1;
        if self.batch.len() >= BATCH {
            self.write_batch();
        }
    }

    fn write_batch(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let mut begin = Vec::new();
        if self.broken {
            // What was written of the last batch may end within a line.
            begin.push(b'\n');
            ndjson::write_header(&mut begin);
        }
        let written = self.file.write_all(&begin).and_then(|()| self.file.write_all(&self.batch));
        self.broken = written.is_err();
        match written {
            Ok(()) => self.counts.written.add(self.waiting),
            Err(error) => {
                self.counts.failed.add(self.waiting);
                if !std::mem::replace(&mut self.has_complained, true) {
                    tracing::error!(
                        path = %self.path.display(), %error,
                        "the recording cannot be written; what is lost is counted and not logged again"
                    );
                }
            }
        }
        self.batch.clear();
        self.waiting = 0;
    }
}

impl ObservationConsumer for Recording {
    fn observe(&mut self, observation: &Observation) {
        self.add(observation);
    }

    fn lost(&mut self, marker: &Observation, _count: u64) {
        self.add(marker);
    }

    fn advance(&mut self, _now: u64) {
        self.write_batch();
    }

    fn finish(&mut self) {
        self.write_batch();
        // What cannot be made safe has been written nevertheless.
        let _ = self.file.sync_data();
    }
}

/// Whether the file is empty or begins with a header that is ours; the inner error says why not.
fn check_header(file: &File) -> io::Result<Result<(), String>> {
    let mut line = Vec::new();
    BufReader::new(file.take(LONGEST_HEADER)).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(Ok(()));
    }
    let mut reader = Reader::new("");
    reader.push(&line);
    let said = reader.next_observation().or_else(|| reader.finish());
    Ok(match said {
        None if reader.counts().lines == 1 => Ok(()),
        Some(Err(fault)) => Err(fault.problem.to_string()),
        _ => Err("its first line is no header".to_owned()),
    })
}

fn ends_within_a_line(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests;
