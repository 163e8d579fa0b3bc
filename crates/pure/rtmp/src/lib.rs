//! The RTMP connection as a state machine.
