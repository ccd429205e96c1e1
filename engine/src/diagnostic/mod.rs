//! What is wrong with the input, where, and what to do about it.

mod findings;

pub(crate) use findings::{Findings, Located, Report};

use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt;

/// How much a [`Diagnostic`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Legal, and probably not what was meant.
    Warning,
    /// The resource is refused.
    Error,
}

/// Whose validation rejects a resource. For Cilium policies, the agent and the schema of the CRD reject different ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Authority {
    /// istiod's admission webhook.
    Istiod,
    /// The API server's own validation of a kind that Kubernetes has built in.
    ApiServer,
    /// The schema of a custom resource definition, which the API server checks too.
    Crd,
    /// Cilium's agent, which reads what the API server let in.
    CiliumAgent,
    /// Azure's advanced container networking services, on top of what Cilium refuses.
    AzureAcns,
}

impl Authority {
    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Istiod => "istiod",
            Self::ApiServer => "api-server",
            Self::Crd => "crd",
            Self::CiliumAgent => "cilium-agent",
            Self::AzureAcns => "azure-acns",
        }
    }
}

/// Where a resource came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The file as the user named it; absent for resources that were given as JSON values.
    pub file: Option<Arc<str>>,
    /// First line of the resource's YAML document, from 1; 0 when there is no file.
    pub line: u32,
    /// Position of the document in its file, from 0.
    pub document: u32,
    /// Path of the resource inside its document, where that is a List: `items[3]`. Empty otherwise.
    pub item: String,
}

/// One finding about the input.
///
/// ```
/// use palisade::{Diagnostic, Severity};
///
/// let d = Diagnostic::error("unknown-kind", "unknown kind `Foo`").at("spec.rules[0]").help("check the spelling");
/// assert_eq!(d.severity, Severity::Error);
/// assert_eq!(d.path, "spec.rules[0]");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable short name of the kind of finding, such as `curly-quotes`.
    pub code: &'static str,
    /// Whether the resource is refused.
    pub severity: Severity,
    /// The resource, as `Kind namespace/name`; empty when it is not known.
    pub resource: String,
    /// Path of the offending field inside the resource, such as `spec.rules[0].to[1].operation.methods`.
    pub path: String,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it, when that is known.
    pub help: Option<String>,
    /// Whose validation refuses the resource because of it; empty for warnings and for what only Palisade refuses.
    pub refused_by: Vec<Authority>,
    /// The resource's file.
    pub origin: Origin,
    /// Line and column, from 1, of the field when it was found in the file.
    pub position: Option<(u32, u32)>,
}

impl Diagnostic {
    /// A finding that makes its resource unusable.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message.into())
    }

    /// A finding that leaves the resource in force.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message.into())
    }

    fn new(severity: Severity, code: &'static str, message: String) -> Self {
        Self {
            code,
            severity,
            resource: String::new(),
            path: String::new(),
            message,
            help: None,
            refused_by: Vec::new(),
            origin: Origin::default(),
            position: None,
        }
    }

    /// The same finding about the field at `path`.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// The same finding with a remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same finding as one of `authority`.
    #[must_use]
    pub fn refused_by(mut self, authority: Authority) -> Self {
        self.refused_by.push(authority);
        self
    }

    /// Who refuses the resource, in words.
    pub fn refusal(&self) -> Option<&'static str> {
        let by = |authority| self.refused_by.contains(&authority);
        Some(match (by(Authority::Crd), by(Authority::CiliumAgent)) {
            (true, true) => "refused by the API server (CRD) and by the Cilium agent",
            (true, false) if self.severity == Severity::Warning => {
                "refused by the API server (CRD); the Cilium agent would take it"
            }
            (true, false) => "refused by the API server (CRD)",
            (false, true) => "refused by the Cilium agent; the API server (CRD) lets it in",
            (false, false) => match self.refused_by.first()? {
                Authority::Istiod => "refused by istiod's webhook",
                Authority::ApiServer => "refused by the API server",
                Authority::AzureAcns => "refused by Azure's advanced network policies (ACNS)",
                Authority::Crd | Authority::CiliumAgent => return None,
            },
        })
    }

    /// The same finding about `resource` (`Kind namespace/name`) from `origin`.
    #[must_use]
    pub fn of(mut self, resource: impl Into<String>, origin: &Origin) -> Self {
        self.resource = resource.into();
        self.origin = origin.clone();
        self
    }
}

/// One line: `file:line: error: message (Kind ns/name, path); refused by ..; help: remedy`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.origin.file {
            write!(f, "{file}:")?;
        }
        match self.position {
            Some((line, column)) => write!(f, "{line}:{column}: ")?,
            None if self.origin.line > 0 => write!(f, "{}: ", self.origin.line)?,
            None => {}
        }
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {}", self.message)?;
        match (self.resource.is_empty(), self.path.is_empty()) {
            (false, false) => write!(f, " ({}, {})", self.resource, self.path)?,
            (false, true) => write!(f, " ({})", self.resource)?,
            (true, false) => write!(f, " ({})", self.path)?,
            (true, true) => {}
        }
        if let Some(refusal) = self.refusal() {
            write!(f, "; {refusal}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "; help: {help}")?;
        }
        Ok(())
    }
}

impl core::error::Error for Diagnostic {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_names_file_line_resource_path_and_remedy() {
        let origin = Origin { file: Some("a.yaml".into()), line: 3, ..Origin::default() };
        let d = Diagnostic::error("c", "bad `x`").at("spec.x").help("remove it").of("Kind ns/n", &origin);
        assert_eq!(alloc::format!("{d}"), "a.yaml:3: error: bad `x` (Kind ns/n, spec.x); help: remove it");
    }

    #[test]
    fn who_refuses_is_named() {
        let agent = Diagnostic::error("c", "bad").refused_by(Authority::CiliumAgent);
        assert_eq!(
            alloc::format!("{agent}"),
            "error: bad; refused by the Cilium agent; the API server (CRD) lets it in"
        );
        let both = agent.refused_by(Authority::Crd);
        assert_eq!(both.refusal(), Some("refused by the API server (CRD) and by the Cilium agent"));
        let crd = Diagnostic::warning("c", "bad").refused_by(Authority::Crd);
        assert_eq!(crd.refusal(), Some("refused by the API server (CRD); the Cilium agent would take it"));
    }
}
