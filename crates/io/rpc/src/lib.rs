//! gRPC and HTTP between nodes on one TLS port.
