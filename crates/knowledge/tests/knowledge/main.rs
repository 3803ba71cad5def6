//! Folders in, passages out: walking, cutting, indexing and searching as a user would.

mod chunks;
