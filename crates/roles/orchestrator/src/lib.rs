//! An orchestrator's whole working day.
