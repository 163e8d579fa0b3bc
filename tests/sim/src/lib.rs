//! The network under a seed.
