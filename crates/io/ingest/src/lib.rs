//! Doors for publishers: RTMP and HTTP push.
