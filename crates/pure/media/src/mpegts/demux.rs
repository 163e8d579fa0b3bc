//! Reads MPEG transport streams.
