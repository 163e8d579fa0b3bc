//! A transcoder's whole working day.
