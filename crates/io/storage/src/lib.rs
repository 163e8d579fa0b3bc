//! Where segments are kept: memory that spills to files, folders, S3.
