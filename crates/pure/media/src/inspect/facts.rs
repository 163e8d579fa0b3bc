//! From tracks to facts.
