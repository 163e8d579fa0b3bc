//! Real processes, real FFmpeg, real players.
