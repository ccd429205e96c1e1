//! Inputs that grow: for each kind of input a folder of manifests in which that kind has `n` items.

mod cases;
mod kind;
mod mesh;
mod objects;
mod pairs;
mod policies;

pub(crate) use kind::Kind;

/// Returns every kind of input.
pub(crate) fn all() -> impl Iterator<Item = &'static Kind> + Clone {
    [policies::KINDS, pairs::KINDS, mesh::KINDS, objects::KINDS, cases::KINDS].into_iter().flatten()
}
