//! The imports between the files of a crate.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use super::modules::Module;

/// The files that each file imports from, with the imported paths.
pub(super) type Imports = BTreeMap<PathBuf, BTreeMap<PathBuf, BTreeSet<String>>>;

/// Returns the imports between the files of the crate with these `modules`.
///
/// A path is followed through re-exports to the file that defines the item. A module that re-exports an item of a submodule
/// does not import it, unless its own code also uses the item.
pub(super) fn between_files(modules: &[Module]) -> Imports {
    let mut imports = Imports::new();
    for (index, module) in modules.iter().enumerate() {
        let mut add = |path: &[String], target: Option<usize>| {
            if let Some(target) = target.map(|target| &modules[target].file)
                && *target != module.file
            {
                let files = imports.entry(module.file.clone()).or_default();
                files.entry(target.clone()).or_default().insert(path.join("::"));
            }
        };
        for path in &module.paths {
            add(path, defining_module(modules, index, path, 0));
        }
        for import in &module.imports {
            let target = defining_module(modules, index, &import.path, 0);
            let is_facade = import.is_export
                && target.is_some_and(|target| is_below(modules, target, index))
                && !module.words.contains(&import.name);
            if !is_facade {
                add(&import.path, target);
            }
        }
    }
    imports
}

/// The maximum number of re-exports in one path, more than any crate nests.
const MOST_EXPORTS: usize = 16;

/// Returns the module that defines the item `path` as written in the module `start`. Paths to other crates and paths that end
/// at a module have none.
fn defining_module(modules: &[Module], start: usize, path: &[String], depth: usize) -> Option<usize> {
    let (mut module, rest) = first_module(modules, start, path)?;
    for (n, segment) in rest.iter().enumerate() {
        if let Some(child) = modules[module].children.get(segment) {
            module = *child;
        } else if segment == "super" {
            module = modules[module].parent?;
        } else if segment != "self" {
            return item(modules, module, &rest[n..], depth);
        }
    }
    None
}

/// Returns the module at the start of `path`, and the segments after it.
fn first_module<'p>(modules: &[Module], start: usize, path: &'p [String]) -> Option<(usize, &'p [String])> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some((0, rest)),
        "self" => Some((start, rest)),
        "super" => Some((modules[start].parent?, rest)),
        // Every other path starts at a submodule or at an imported name.
        _ => {
            let module = &modules[start];
            let is_local = module.children.contains_key(first)
                || module.imports.iter().any(|import| import.name == *first);
            is_local.then_some((start, path))
        }
    }
}

/// Returns the module that defines the first name of `path` in `module`, through its re-exports.
fn item(modules: &[Module], module: usize, path: &[String], depth: usize) -> Option<usize> {
    let (name, rest) = path.split_first()?;
    let Module { items, imports, .. } = &modules[module];
    if depth > MOST_EXPORTS || items.contains(name) || name == "*" {
        return Some(module);
    }
    if let Some(import) = imports.iter().find(|import| import.name == *name) {
        let full: Vec<String> = import.path.iter().chain(rest).cloned().collect();
        // An import that starts with its own name, as `use net::…` does, refers to a submodule or to another crate.
        let is_own = full.first() == Some(name) && !modules[module].children.contains_key(name);
        return if is_own { None } else { defining_module(modules, module, &full, depth + 1) };
    }
    let mut globs = imports.iter().filter(|import| import.name == "*");
    globs
        .find_map(|glob| {
            let mut full = glob.path.clone();
            full.pop();
            full.extend(path.iter().cloned());
            let target = defining_module(modules, module, &full, depth + 1)?;
            modules[target].items.contains(name).then_some(target)
        })
        // A name that a macro defines.
        .or(Some(module))
}

/// Returns whether `module` is a submodule of `ancestor`, at any depth.
fn is_below(modules: &[Module], module: usize, ancestor: usize) -> bool {
    let mut parent = modules[module].parent;
    while let Some(above) = parent {
        if above == ancestor {
            return true;
        }
        parent = modules[above].parent;
    }
    false
}
