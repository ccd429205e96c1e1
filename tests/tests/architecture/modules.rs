//! The modules of a crate, read from its source files: their names, imports and paths.
//!
//! The reader works on tokens. It skips items under `#[cfg(test)]` and reads the arguments of macros as code.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A module: a file, or an inline `mod name { … }` in one.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// The file that contains the module.
    pub(super) file: PathBuf,
    /// The index of the enclosing module; the root has none.
    pub(super) parent: Option<usize>,
    /// The indexes of the modules that it declares.
    pub(super) children: BTreeMap<String, usize>,
    /// The names of the items that it defines.
    pub(super) items: BTreeSet<String>,
    /// Its `use` declarations, one for each name.
    pub(super) imports: Vec<Import>,
    /// The paths in its code with at least two segments.
    pub(super) paths: BTreeSet<Vec<String>>,
    /// The single identifiers in its code.
    pub(super) words: BTreeSet<String>,
}

/// One name of a `use` declaration.
#[derive(Debug)]
pub(super) struct Import {
    /// The imported path, such as `crate`, `net`, `Protocol`.
    pub(super) path: Vec<String>,
    /// The name in the importing module, or `*` for all names.
    pub(super) name: String,
    /// Whether the declaration has a visibility, so that it re-exports the name.
    pub(super) is_export: bool,
}

/// Returns the modules of the crate whose root is the file `root`. The first one is the root.
pub(super) fn read_crate(root: &Path) -> Vec<Module> {
    let mut modules = Vec::new();
    let directory = root.parent().expect("the root is in a directory");
    read_file(&mut modules, root, directory, None);
    modules
}

/// Adds the module in `file`, whose submodules are files in `directory`, and returns its index.
fn read_file(modules: &mut Vec<Module>, file: &Path, directory: &Path, parent: Option<usize>) -> usize {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let tokens = text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    read_module(modules, tokens, file, directory, parent)
}

/// Adds the module with the content `tokens` and returns its index.
fn read_module(
    modules: &mut Vec<Module>,
    tokens: TokenStream,
    file: &Path,
    directory: &Path,
    parent: Option<usize>,
) -> usize {
    let index = modules.len();
    modules.push(Module { file: file.to_path_buf(), parent, ..Module::default() });
    for (path, item) in items(tokens) {
        let start = item.iter().position(|token| !is_prefix(token)).unwrap_or(0);
        let (prefix, rest) = item.split_at(start);
        let keyword = word(rest.first());
        let name = word(rest.get(1));
        match (keyword.as_str(), rest.get(2)) {
            ("mod", Some(TokenTree::Group(body))) => {
                let inner = directory.join(&name);
                let child = read_module(modules, body.stream(), file, &inner, Some(index));
                modules[index].children.insert(name, child);
            }
            ("mod", _) => {
                let inner = directory.join(&name);
                let flat = inner.with_extension("rs");
                let path = match path {
                    Some(path) => directory.join(path),
                    None if flat.is_file() => flat,
                    None => inner.join("mod.rs"),
                };
                let child = read_file(modules, &path, &inner, Some(index));
                modules[index].children.insert(name, child);
            }
            ("use", _) => {
                let is_export = prefix.iter().any(|token| word(Some(token)) == "pub");
                for (path, name) in use_tree(&rest[1..]) {
                    modules[index].imports.push(Import { path, name, is_export });
                }
            }
            _ => {
                let names = item.windows(2).take_while(|pair| !is_brace(&pair[0]));
                let defined = names.filter(|pair| DEFINING.contains(&word(Some(&pair[0])).as_str()));
                let defined = defined.map(|pair| word(Some(&pair[1]))).find(|name| name != "fn");
                modules[index].items.extend(defined);
                if keyword == "macro_rules" {
                    modules[index].items.insert(word(rest.get(2)));
                }
                read_code(&mut modules[index], &item);
            }
        }
    }
    index
}

/// The keywords before the name of an item.
const DEFINING: [&str; 8] = ["fn", "struct", "enum", "union", "trait", "type", "const", "static"];

/// Splits the content of a module into items, without attributes and without items that only tests contain. Each item has
/// the value of its `path` attribute.
fn items(tokens: TokenStream) -> Vec<(Option<String>, Vec<TokenTree>)> {
    let mut items = Vec::new();
    let mut item: Vec<TokenTree> = Vec::new();
    let mut is_test = false;
    let mut path = None;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        if is_punctuation(&token, '#') {
            tokens.next_if(|next| is_punctuation(next, '!'));
            if let Some(TokenTree::Group(attribute)) = tokens.next() {
                is_test |= is_test_attribute(&attribute);
                path = path.or_else(|| path_attribute(&attribute));
            }
            continue;
        }
        let ends_at_semicolon =
            item.iter().any(|token| ["use", "=", "static"].contains(&text(token).as_str()));
        let ends = is_punctuation(&token, ';') || (is_brace(&token) && !ends_at_semicolon);
        item.push(token);
        if ends {
            let item = (path.take(), core::mem::take(&mut item));
            if !core::mem::take(&mut is_test) {
                items.push(item);
            }
        }
    }
    items
}

/// Returns whether the attribute restricts an item to tests.
fn is_test_attribute(attribute: &Group) -> bool {
    let text = attribute.stream().to_string().replace(' ', "");
    text == "test" || text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

/// Returns the file of `#[path = "file"]`, or `None` for another attribute.
fn path_attribute(attribute: &Group) -> Option<String> {
    let text = attribute.stream().to_string();
    let value = text.strip_prefix("path")?.trim_start().strip_prefix('=')?;
    Some(value.trim().trim_matches('"').to_owned())
}

/// Returns whether `token` is part of the visibility of an item.
fn is_prefix(token: &TokenTree) -> bool {
    word(Some(token)) == "pub"
        || matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis)
}

fn is_brace(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

fn is_punctuation(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punctuation) if punctuation.as_char() == character)
}

/// Returns the identifier `token`, or an empty text.
fn word(token: Option<&TokenTree>) -> String {
    match token {
        Some(TokenTree::Ident(identifier)) => identifier.to_string(),
        _ => String::new(),
    }
}

/// Returns an identifier or a punctuation character as text, or an empty text.
fn text(token: &TokenTree) -> String {
    match token {
        TokenTree::Punct(punctuation) => punctuation.to_string(),
        other => word(Some(other)),
    }
}

/// Returns the paths of a `use` declaration after the keyword, each with the name that it introduces.
fn use_tree(tokens: &[TokenTree]) -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    for branch in tokens.split(|token| is_punctuation(token, ',') || is_punctuation(token, ';')) {
        let mut path: Vec<String> = Vec::new();
        let mut alias = None;
        let mut branches = None;
        let mut rest = branch.iter();
        while let Some(token) = rest.next() {
            match token {
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    branches = Some(use_tree(&inner));
                }
                TokenTree::Ident(identifier) if identifier == "as" => alias = Some(word(rest.next())),
                TokenTree::Ident(identifier) => path.push(identifier.to_string()),
                token if is_punctuation(token, '*') => path.push("*".into()),
                _ => {}
            }
        }
        match branches {
            Some(branches) => {
                for (inner, name) in branches {
                    let name = if inner == ["self"] { path.last().cloned().unwrap_or(name) } else { name };
                    let inner = inner.into_iter().filter(|segment| path.is_empty() || segment != "self");
                    found.push((path.iter().cloned().chain(inner).collect(), name));
                }
            }
            None => {
                if let Some(last) = path.last().cloned() {
                    found.push((path, alias.unwrap_or(last)));
                }
            }
        }
    }
    found
}

/// Adds the paths and identifiers in `tokens` to `module`.
fn read_code(module: &mut Module, tokens: &[TokenTree]) {
    let mut n = 0;
    while let Some(token) = tokens.get(n) {
        n += 1;
        match token {
            TokenTree::Group(group) => {
                read_code(module, &group.stream().into_iter().collect::<Vec<_>>());
            }
            TokenTree::Ident(identifier) if identifier == "use" => {
                let length = tokens[n..].iter().take_while(|token| !is_punctuation(token, ';')).count();
                for (path, _) in use_tree(&tokens[n..n + length]) {
                    module.paths.insert(path);
                }
                n += length;
            }
            TokenTree::Ident(identifier) => {
                let mut path = vec![identifier.to_string()];
                while let (Some(first), Some(second), Some(TokenTree::Ident(next))) =
                    (tokens.get(n), tokens.get(n + 1), tokens.get(n + 2))
                    && is_punctuation(first, ':')
                    && is_punctuation(second, ':')
                {
                    path.push(next.to_string());
                    n += 3;
                }
                module.words.insert(path[0].clone());
                if path.len() > 1 {
                    module.paths.insert(path);
                }
            }
            _ => {}
        }
    }
}
