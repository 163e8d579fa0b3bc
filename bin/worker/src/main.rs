//! The sandboxed worker process.
fn main() {}
