//! Which orchestrator gets a segment, and when another one is asked too.
