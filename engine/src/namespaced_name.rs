//! The name of a namespaced resource, such as `foo/sleep`.

use alloc::string::{String, ToString};
use core::{fmt, str::FromStr};

/// The namespace and the name of a resource, written `namespace/name`.
///
/// ```
/// use palisade::NamespacedName;
///
/// let name: NamespacedName = "foo/sleep".parse().unwrap();
/// assert_eq!((name.namespace.as_str(), name.name.as_str()), ("foo", "sleep"));
/// assert_eq!(name.to_string(), "foo/sleep");
/// let error = "sleep".parse::<NamespacedName>().unwrap_err();
/// assert_eq!(error.to_string(), "invalid name `sleep`: it must be `namespace/name`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespacedName {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// A text that is not `namespace/name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError(String);

impl NamespacedName {
    /// Returns the namespace and the name in `text`, or `None` if it is not `namespace/name`.
    pub fn split(text: &str) -> Option<(&str, &str)> {
        let (namespace, name) = text.split_once('/')?;
        let is_valid = !namespace.is_empty() && !name.is_empty() && !name.contains('/');
        is_valid.then_some((namespace, name))
    }
}

impl FromStr for NamespacedName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (namespace, name) = Self::split(text).ok_or_else(|| NameError(text.to_string()))?;
        Ok(Self { namespace: namespace.to_string(), name: name.to_string() })
    }
}

impl fmt::Display for NamespacedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid name `{}`: it must be `namespace/name`", self.0)
    }
}

impl core::error::Error for NameError {}
