//! Arguments of several commands: manifests and options.

use crate::{failure::Failure, show::notes};
use clap::{Args, ValueEnum};
use palisade::{CalledService, Cluster, OptionError, Options, Severity, Workload};
use palisade_manifests::{Access, Manifests};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// The argument `-f`.
#[derive(Debug, Args)]
pub(crate) struct ManifestArgs {
    /// Read manifests from a file, a folder (recursively) or `-`; repeatable.
    #[arg(short = 'f', long = "filename", value_name = "FILE|DIR|-", required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    links: LinkArgs,
}

/// The argument `--follow-links`.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct LinkArgs {
    /// Read devices, and links to files outside the given folders.
    #[arg(long)]
    pub(crate) follow_links: bool,
}

/// The arguments `--profile` and `--option`.
#[derive(Debug, Args)]
pub(crate) struct OptionArgs {
    /// Decide documented traps as the products do, or closed; or add the
    /// validation of a platform.
    #[arg(long, value_enum, default_value_t = ProfileArg::Compat, verbatim_doc_comment)]
    profile: ProfileArg,
    /// Set an option of case files, such as `ciliumVersion=1.19`; repeatable.
    #[arg(long = "option", value_name = "KEY=VALUE")]
    options: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProfileArg {
    /// Decide as Istio, Envoy and Cilium do.
    Compat,
    /// As compat, but closed for documented traps.
    Strict,
    /// As compat, with the validation of Azure's advanced network policies.
    AzureAcns,
}

/// The format of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text for people.
    Text,
    /// JSON for scripts.
    Json,
}

impl ManifestArgs {
    /// Returns the same arguments with other paths.
    pub(crate) fn with(&self, paths: Vec<PathBuf>) -> Self {
        Self { paths, links: self.links }
    }

    /// Returns the files that may be read.
    pub(crate) fn access(&self) -> Access {
        Access::new(&self.paths, self.links.follow_links)
    }

    /// Returns whether there are no paths.
    pub(crate) fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Loads the manifests. An unreadable manifest is a failure.
    pub(crate) fn load(&self) -> Result<Manifests, Failure> {
        let manifests = Manifests::load(&self.paths, &self.access());
        notes::ignored(&manifests.cluster.resources().ignored);
        if manifests.has_errors() {
            return Err(Failure::Input(manifests.findings, manifests.sources));
        }
        Ok(manifests)
    }
}

/// Returns the workload `name`.
pub(crate) fn workload<'c>(cluster: &'c Cluster, name: &str) -> Result<&'c Workload, Failure> {
    if let Some(workload) = cluster.workload(name) {
        return Ok(workload);
    }
    let known: Vec<String> =
        cluster.workloads().take(5).map(|w| format!("`{}/{}`", w.namespace, w.name)).collect();
    let help = match known.is_empty() {
        true => "add the manifest of the Pod or its controller with -f".to_owned(),
        false => format!("the manifests contain {}", known.join(", ")),
    };
    Err(Failure::argument(format!("unknown workload `{name}`"), help))
}

/// Returns the Service or ServiceEntry `name`.
pub(crate) fn service<'c>(cluster: &'c Cluster, name: &str) -> Result<CalledService<'c>, Failure> {
    cluster.called_service(name).ok_or_else(|| {
        let services = cluster.resources().services.iter().map(|service| &service.metadata);
        let known: Vec<String> = services.take(5).map(|m| format!("`{}/{}`", m.namespace, m.name)).collect();
        let help = match known.is_empty() {
            true => "add the manifest of the Service or ServiceEntry with -f".to_owned(),
            false => format!("the manifests contain {}", known.join(", ")),
        };
        Failure::argument(format!("unknown Service or ServiceEntry `{name}`"), help)
    })
}

/// Loads the manifests and prints warnings. A manifest that validation rejects is a failure.
pub(crate) fn valid(manifests: &ManifestArgs, options: &Options) -> Result<Manifests, Failure> {
    let manifests = manifests.load()?;
    let mut findings = manifests.findings.clone();
    findings.extend(manifests.lint(options));
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(Failure::Input(findings, manifests.sources));
    }
    notes::warnings(&findings, &manifests.sources);
    Ok(manifests)
}

impl OptionArgs {
    /// Returns the options.
    pub(crate) fn options(&self) -> Result<Options, Failure> {
        let mut map = Map::new();
        for option in &self.options {
            let Some((key, text)) = option.split_once('=') else {
                let help = "write it as in case files, with `=`: --option ciliumVersion=1.19";
                return Err(Failure::argument(format!("missing value in `--option {option}`"), help));
            };
            if key == "profile" {
                let help = format!("write `--profile {text}`");
                return Err(Failure::argument("`profile` is not an option", help));
            }
            let value = value(key, text).map_err(|error| {
                Failure::argument(format!("`--option {option}`: {}", error.reason()), OPTIONS)
            })?;
            map.insert(key.to_owned(), value);
        }
        let mut options =
            Options::from_fields(&map).map_err(|error| Failure::argument(error.to_string(), OPTIONS))?;
        options.profile = match self.profile {
            ProfileArg::Compat => palisade::Profile::Compat,
            ProfileArg::Strict => palisade::Profile::Strict,
            ProfileArg::AzureAcns => palisade::Profile::AzureAcns,
        };
        Ok(options)
    }
}

const OPTIONS: &str = "the options are those of case files; see docs/case-files.md";

/// Returns `text` in the shape of the option `key`: text, JSON or a list.
fn value(key: &str, text: &str) -> Result<Value, OptionError> {
    let check = |value: &Value| {
        Options::from_fields(&[(key.to_owned(), value.clone())].into_iter().collect()).map(drop)
    };
    let plain = Value::from(text);
    let json = serde_json::from_str(text).ok();
    let list = Value::from(text.split(',').map(Value::from).collect::<Vec<_>>());
    match check(&plain) {
        Ok(()) => Ok(plain),
        Err(error) => json.into_iter().chain([list]).find(|value| check(value).is_ok()).ok_or(error),
    }
}
