//! Cycles in the imports between files.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::{Path, PathBuf},
};

use super::imports::Imports;

/// Returns the strongly connected components with more than one file.
pub(super) fn components(imports: &Imports) -> Vec<BTreeSet<PathBuf>> {
    let reached: BTreeMap<&PathBuf, BTreeSet<&PathBuf>> =
        imports.keys().map(|file| (file, reachable(imports, file))).collect();
    let mut components = BTreeSet::new();
    for (file, targets) in &reached {
        let returns = |target: &&&PathBuf| reached.get(**target).is_some_and(|back| back.contains(*file));
        let component: BTreeSet<PathBuf> =
            targets.iter().filter(returns).map(|target| (*target).clone()).collect();
        if !component.is_empty() {
            components.insert(component);
        }
    }
    components.into_iter().collect()
}

/// Returns the files that `start` imports from, directly or through other files.
fn reachable<'i>(imports: &'i Imports, start: &Path) -> BTreeSet<&'i PathBuf> {
    let mut found = BTreeSet::new();
    let mut open = vec![start];
    while let Some(file) = open.pop() {
        for target in imports.get(file).into_iter().flat_map(BTreeMap::keys) {
            if found.insert(target) {
                open.push(target);
            }
        }
    }
    found
}

/// Returns the shortest cycle through the first file of `component`, one import on each line.
pub(super) fn describe(imports: &Imports, component: &BTreeSet<PathBuf>) -> String {
    let start = component.first().expect("a component has files");
    let mut importers: BTreeMap<&PathBuf, &PathBuf> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(file) = open.pop_front() {
        for target in imports.get(file).into_iter().flat_map(BTreeMap::keys) {
            if component.contains(target) && !importers.contains_key(target) {
                importers.insert(target, file);
                open.push_back(target);
            }
        }
    }
    let mut lines = Vec::new();
    let mut file = start;
    while let Some(importer) = importers.get(file) {
        let names: Vec<&str> = imports[*importer][file].iter().map(String::as_str).collect();
        lines.push(format!("  {} imports {} from {}", importer.display(), names.join(", "), file.display()));
        file = importer;
        if file == start {
            break;
        }
    }
    lines.reverse();
    format!("a cycle of {} files, for example:\n{}", component.len(), lines.join("\n"))
}
