//! Removes exports of a linked module that the proxy does not call, and checks that all callbacks exist.

use anyhow::{Context, Result, ensure};
use walrus::{Module, passes};

/// The functions that the proxy calls. It enters the VM for each one that exists.
const KEPT: [&str; 11] = [
    "memory",
    "malloc",
    "proxy_abi_version_0_2_1",
    "_initialize",
    "proxy_on_context_create",
    "proxy_on_configure",
    "proxy_on_request_headers",
    "proxy_on_http_call_response",
    "proxy_on_new_connection",
    "proxy_on_downstream_data",
    "proxy_on_delete",
];

/// The shipped module, with the names of its exports before and after.
#[derive(Debug)]
pub(crate) struct Trimmed {
    pub(crate) module: Vec<u8>,
    pub(crate) before: Vec<String>,
    pub(crate) after: Vec<String>,
}

/// Keeps the exports that the filter needs, and removes the code that no export reaches.
pub(crate) fn trim(linked: &[u8]) -> Result<Trimmed> {
    let mut module = Module::from_buffer(linked).context("the linker wrote no WebAssembly module")?;
    let before = names(&module);
    for name in KEPT {
        ensure!(before.iter().any(|known| known == name), "missing export `{name}`");
    }
    let dropped: Vec<_> = module
        .exports
        .iter()
        .filter(|export| !KEPT.contains(&export.name.as_str()))
        .map(|export| export.id())
        .collect();
    for export in dropped {
        module.exports.delete(export);
    }
    passes::gc::run(&mut module);
    let after = names(&module);
    Ok(Trimmed { module: module.emit_wasm(), before, after })
}

fn names(module: &Module) -> Vec<String> {
    let mut names: Vec<_> = module.exports.iter().map(|export| export.name.clone()).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use walrus::FunctionBuilder;

    fn exporting(names: &[&str]) -> Vec<u8> {
        let mut module = Module::default();
        for name in names {
            let function =
                FunctionBuilder::new(&mut module.types, &[], &[]).finish(vec![], &mut module.funcs);
            module.exports.add(name, function);
        }
        module.emit_wasm()
    }

    #[test]
    fn unused_export_is_removed_with_its_code() {
        let hooks = [&KEPT[..], &["proxy_on_response_body", "proxy_on_log"]].concat();

        let trimmed = trim(&exporting(&hooks)).unwrap();

        assert_eq!((trimmed.before.len(), trimmed.after.len()), (KEPT.len() + 2, KEPT.len()));
        let again = Module::from_buffer(&trimmed.module).unwrap();
        assert_eq!(again.funcs.iter().count(), KEPT.len());
    }

    #[test]
    fn error_of_missing_export_contains_its_name() {
        let error = trim(&exporting(&["memory"])).unwrap_err();
        assert_eq!(error.to_string(), "missing export `malloc`");
    }
}
