//! Clock, shutdown, backoff, logs and metrics.
