//! Tests, row by row with the reason.
