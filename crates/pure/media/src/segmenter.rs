//! Cuts a live stream into segments at key frames.
