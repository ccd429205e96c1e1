//! External authorization servers.

use crate::ConfigError;
use serde::{Deserialize, Serialize};

/// A server that decides for CUSTOM rules. The filter sends `GET` for `path`; the answer 200 allows.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Provider {
    /// The cluster of the proxy.
    pub cluster: String,
    /// The path of the call, with its query.
    #[serde(default = "root_path")]
    pub path: String,
    /// The timeout of the call, in milliseconds.
    #[serde(default = "default_timeout")]
    pub timeout_ms: u32,
    /// Whether the filter allows a request if the answer is missing or has a status of 500 and above.
    #[serde(default)]
    pub fail_open: bool,
    /// The request headers to send along, in lower case; `None` sends all that do not concern the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Vec<String>>,
}

impl Provider {
    /// Creates a provider with the default of every other field.
    pub fn new(cluster: impl Into<String>) -> Self {
        Self {
            cluster: cluster.into(),
            path: root_path(),
            timeout_ms: default_timeout(),
            fail_open: false,
            headers: None,
        }
    }

    /// Checks that the filter can send a call to this provider.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let refuse = |why: &str| {
            Err(ConfigError::new(format!("invalid provider with cluster `{}`: {why}", self.cluster)))
        };
        if self.cluster.is_empty() {
            return refuse("`cluster` is empty; name a cluster of the proxy");
        }
        if !self.path.starts_with('/') || !self.path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refuse("`path` must start with `/` and have no blanks");
        }
        if self.timeout_ms == 0 {
            return refuse("`timeoutMs` must be at least 1, got 0");
        }
        let is_lower_case = |name: &String| !name.is_empty() && *name == name.to_ascii_lowercase();
        if !self.headers.iter().flatten().all(is_lower_case) {
            return refuse("`headers` must be names in lower case");
        }
        Ok(())
    }
}

fn root_path() -> String {
    "/".to_owned()
}

fn default_timeout() -> u32 {
    250
}
