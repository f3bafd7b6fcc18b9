//! Scripted records.
