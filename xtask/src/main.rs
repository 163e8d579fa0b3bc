//! Checks, benchmarks and long campaigns.
fn main() {}
