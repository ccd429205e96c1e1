//! `palisade bundle --stats`: the size of the module and the memory of its VM.

use crate::{failure::Failure, output::Output, show::text::Text};
use palisade_harness::{Conformance, Node};
use palisade_manifests::Access;
use palisade_plugin_config::Config;
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

const RULES: [usize; 4] = [1, 100, 1_000, 10_000];
/// The maximum size of a module in bytes, about 20 times that of the shipped filter.
const MAX_MODULE_BYTES: u64 = 64 << 20;
/// The number of rules in one generated policy.
const RULES_PER_POLICY: usize = 100;

/// Reports the sizes of the module, and of its VM with generated rules and with the configuration `own`.
pub(super) fn run(module: &Path, access: &Access, own: Option<&Config>) -> Result<Output, Failure> {
    let wasm = read(module, access)?;
    let failed = |error: palisade_harness::Error| {
        Failure::argument(error.to_string(), "name the filter's module with --module")
    };
    let conformance = Conformance::new(&wasm).map_err(failed)?;
    let line = |name: &str, configuration: &Value| -> Result<String, Failure> {
        let configuration = configuration.to_string();
        let plugin = conformance.plugin(configuration.as_bytes(), Node::default()).map_err(failed)?;
        let memory = plugin.vm().memory_size();
        Ok(format!("{name:>14}: VM {memory:>9} bytes, configuration {:>8} bytes\n", configuration.len()))
    };
    let mut text = format!("{:>14}: {} bytes\n", "module", wasm.len());
    for rules in RULES {
        text += &line(&format!("{rules} rules"), &configuration(rules))?;
    }
    if let Some(own) = own {
        text += &line("these policies", &own.to_json())?;
    }
    Ok(Output { text: Text::lines(&text), code: 0 })
}

/// Reads the file at `module`.
fn read(module: &Path, access: &Access) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: io::Error| {
        let help = "build it with `cargo xtask wasm`, or name it with --module";
        Failure::argument(format!("cannot read `{}`: {error}", module.display()), help)
    };
    // For a missing module, the help above fits better than that of `check_argument`.
    fs::metadata(module).map_err(unreadable)?;
    access.check_argument(module)?;
    let mut wasm = Vec::new();
    File::open(module)
        .map_err(unreadable)?
        .take(MAX_MODULE_BYTES + 1)
        .read_to_end(&mut wasm)
        .map_err(unreadable)?;
    if wasm.len() as u64 > MAX_MODULE_BYTES {
        let message = format!("`{}` has more than {MAX_MODULE_BYTES} bytes", module.display());
        return Err(Failure::argument(message, "name the filter's module with --module"));
    }
    Ok(wasm)
}

/// Returns a configuration with this number of rules, each with its own identity, method and path.
fn configuration(rules: usize) -> Value {
    let rule = |number: usize| {
        json!({
            "from": [{"source": {"principals": [format!("cluster.local/ns/team-{}/sa/app-{number}", number % 50)]}}],
            "to": [{"operation": {"methods": ["GET"], "paths": [format!("/api/v1/resource-{number}/*")]}}],
        })
    };
    let numbers: Vec<usize> = (0..rules).collect();
    let policy = |(index, numbers): (usize, &[usize])| {
        json!({
            "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
            "metadata": {"name": format!("policy-{index}"), "namespace": "foo"},
            "spec": {"rules": numbers.iter().copied().map(rule).collect::<Vec<_>>()},
        })
    };
    let policies: Vec<Value> = numbers.chunks(RULES_PER_POLICY).enumerate().map(policy).collect();
    json!({"workload": {"namespace": "foo"}, "resources": policies})
}
