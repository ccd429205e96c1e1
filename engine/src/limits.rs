//! Hard limits. What passes one is refused, and says so.

/// Bytes of one manifest file.
pub const MAX_MANIFEST_BYTES: usize = 64 << 20;
/// Nesting of one document.
pub const MAX_DEPTH: usize = 128;
/// Documents of one file.
pub const MAX_DOCUMENTS: usize = 100_000;
/// Nodes of one file, aliases expanded.
pub const MAX_NODES: usize = 8_000_000;
