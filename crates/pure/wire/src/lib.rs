//! Bytes on the network and the types they stand for.
