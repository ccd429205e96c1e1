//! Findings about the input: the problem, its location and a remedy.

mod findings;

pub(crate) use findings::{Findings, Located, Report};

use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt;

/// The severity of a [`Diagnostic`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The resource is valid, but its effect is probably not intended.
    Warning,
    /// The resource is rejected.
    Error,
}

/// A validator that rejects resources. For Cilium policies, the agent and the schema of the CRD reject different
/// resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Authority {
    /// istiod's admission webhook.
    Istiod,
    /// The validation of the API server for kinds of Kubernetes itself.
    ApiServer,
    /// The schema of a custom resource definition, which the API server also checks.
    Crd,
    /// Cilium's agent, which reads the resources that the API server accepts.
    CiliumAgent,
    /// Azure's advanced container networking services, which reject further Cilium policies.
    AzureAcns,
}

impl Authority {
    /// Returns the name in JSON.
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

/// The file and the position of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The file name from the user; `None` for a resource from a JSON value.
    pub file: Option<Arc<str>>,
    /// First line of the resource's YAML document, from 1; 0 without a file.
    pub line: u32,
    /// Position of the document in its file, from 0.
    pub document: u32,
    /// Path of the resource inside its document if the document is a List: `items[3]`. Empty otherwise.
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
    /// Whether the resource is rejected.
    pub severity: Severity,
    /// The resource, as `Kind namespace/name`; empty if it is unknown.
    pub resource: String,
    /// Path of the invalid field inside the resource, such as `spec.rules[0].to[1].operation.methods`.
    pub path: String,
    /// The problem: lower case, no full stop.
    pub message: String,
    /// The remedy, if there is one.
    pub help: Option<String>,
    /// The validators that reject the resource; empty for warnings and for resources that only Palisade rejects.
    pub refused_by: Vec<Authority>,
    /// The resource's file.
    pub origin: Origin,
    /// Line and column of the field, from 1, if the file contains it.
    pub position: Option<(u32, u32)>,
}

impl Diagnostic {
    /// Returns an error, which makes its resource unusable.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message.into())
    }

    /// Returns a warning, which has no effect on its resource.
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

    /// Returns the finding with the field path `path`.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Returns the finding with a remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Returns the finding with `authority` as one of the validators that reject the resource.
    #[must_use]
    pub fn refused_by(mut self, authority: Authority) -> Self {
        self.refused_by.push(authority);
        self
    }

    /// Returns the validators that reject the resource, as text.
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

    /// Returns the finding with the resource `resource` (`Kind namespace/name`) from `origin`.
    #[must_use]
    pub fn of(mut self, resource: impl Into<String>, origin: &Origin) -> Self {
        self.resource = resource.into();
        self.origin = origin.clone();
        self
    }
}

/// Formats the finding as one line: `file:line: error: message (Kind ns/name, path); refused by ..; help: remedy`.
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
    fn display_contains_file_line_resource_path_and_remedy() {
        let origin = Origin { file: Some("a.yaml".into()), line: 3, ..Origin::default() };
        let d = Diagnostic::error("c", "bad `x`").at("spec.x").help("remove it").of("Kind ns/n", &origin);
        assert_eq!(alloc::format!("{d}"), "a.yaml:3: error: bad `x` (Kind ns/n, spec.x); help: remove it");
    }

    #[test]
    fn display_contains_the_rejecting_validator() {
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
