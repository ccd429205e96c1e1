//! Kubernetes manifests from files, folders and standard input.
//!
//! [`Manifests::load`] reads each file once and keeps its text and its objects in a [`SourceMap`]. The source map
//! returns the objects as their files contain them, and the line and column of each field.
//!
//! ```
//! use palisade_manifests::{Access, Manifests};
//! use std::path::PathBuf;
//!
//! let paths = [PathBuf::from("../policies/aks-defense-in-depth/base")];
//! let manifests = Manifests::load(&paths, &Access::new(&paths, false));
//! assert!(!manifests.has_errors());
//! assert!(manifests.cluster.workload("foo/sleep").is_some());
//! ```

mod access;
mod load;
mod names;
mod read;
mod rules;
mod source_map;

pub use access::Access;
pub use load::Manifests;
pub use names::{is_case_file, is_manifest};
pub use read::{Disk, Files, read};
pub use rules::RuleLocation;
pub use source_map::{SourceFile, SourceMap};
