//! A gateway's whole working day.
