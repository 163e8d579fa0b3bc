//! Writes MPEG transport streams.
