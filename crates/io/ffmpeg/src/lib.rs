//! Decoding, scaling, encoding and muxing with FFmpeg and zimg; all unsafe code of the project.
