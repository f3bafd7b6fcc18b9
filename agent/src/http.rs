//! HTTP as it is seen from outside, from bytes that arrive in pieces and may have holes. Pure.
