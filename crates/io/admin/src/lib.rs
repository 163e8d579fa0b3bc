//! Health, metrics and control API of any node.
