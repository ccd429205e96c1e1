//! Limits of manifests. A manifest that exceeds a limit is an error.

/// The maximum size of a manifest file in bytes.
pub const MAX_MANIFEST_BYTES: usize = 64 << 20;
/// The maximum nesting depth of a document.
pub const MAX_DEPTH: usize = 128;
/// The maximum number of documents in a file.
pub const MAX_DOCUMENTS: usize = 100_000;
/// The maximum number of nodes in a file, after the expansion of aliases.
pub const MAX_NODES: usize = 8_000_000;
