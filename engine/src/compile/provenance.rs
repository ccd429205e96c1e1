//! The origin of each instruction, for explanations. Decisions do not read it.

use super::{
    instruction::{Operand, TextOp},
    intern::Interner,
    methods::Methods,
};
use crate::{
    ir::{Attribute, Field, Section, Test, TextAttribute},
    matcher::string_pool::{StrRef, StringPool},
};
use alloc::{borrow::ToOwned, boxed::Box, collections::BTreeMap, format, string::String, vec::Vec};

/// The place of an instruction in its policy. Equal places are stored once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) section: Section,
    /// The position of the clause in its list.
    pub(crate) clause: u32,
    pub(crate) field: Field,
    /// The number of the attribute; `None` for an instruction that reads nothing.
    attribute: Option<u32>,
    values: Values,
}

/// The values that a policy states for a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Values {
    /// The values follow from the operand.
    Operand,
    /// The list with this number.
    List(u32),
}

/// The places of all instructions.
#[derive(Debug)]
pub(super) struct Provenance {
    attributes: Box<[Attribute]>,
    /// The number of the place of each instruction.
    place_of: Box<[u32]>,
    places: Box<[Place]>,
    /// The values of all lists, one list after the other.
    values: Box<[StrRef]>,
    /// The start of each list, and the end of the last.
    starts: Box<[u32]>,
}

impl Provenance {
    /// Returns the attributes of all tests.
    pub(super) fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter()
    }

    /// Returns the place of the instruction at `at`.
    pub(super) fn place(&self, at: u32) -> Option<&Place> {
        self.places.get(*self.place_of.get(at as usize)? as usize)
    }

    /// Returns the attribute of the tests at `place`.
    pub(super) fn attribute(&self, place: &Place) -> Option<&Attribute> {
        self.attributes.get(place.attribute? as usize)
    }

    /// Returns the values at `place` as the policy states them; `operand` is that of the instruction.
    pub(super) fn values(
        &self,
        place: &Place,
        operand: Operand,
        texts: &StringPool,
        methods: &Methods,
    ) -> Vec<String> {
        match place.values {
            Values::List(number) => {
                let number = number as usize;
                let range = match (self.starts.get(number), self.starts.get(number + 1)) {
                    (Some(start), Some(end)) => *start as usize..*end as usize,
                    _ => 0..0,
                };
                let values = self.values.get(range).unwrap_or_default();
                values.iter().map(|value| texts.text(*value).to_owned()).collect()
            }
            Values::Operand => match operand {
                Operand::Always | Operand::Never | Operand::Matcher(_) => Vec::new(),
                Operand::Methods(set) => methods.names(set).map(ToOwned::to_owned).collect(),
                Operand::Text(_, op, literal) => {
                    let is_identity = self.attribute(place).is_some_and(is_identity);
                    Vec::from([written(op, texts.text(literal), is_identity)])
                }
            },
        }
    }
}

fn is_identity(attribute: &Attribute) -> bool {
    *attribute == Attribute::Text(TextAttribute::Identity)
}

/// Returns the value that a policy states for a comparison with `literal`. Policies write identities without a scheme.
fn written(op: TextOp, literal: &str, is_identity: bool) -> String {
    let text = if is_identity { literal.strip_prefix("spiffe://").unwrap_or(literal) } else { literal };
    match op {
        TextOp::Present => "*".to_owned(),
        TextOp::Exact | TextOp::PathExact => text.to_owned(),
        TextOp::Prefix | TextOp::PathPrefix => format!("{text}*"),
        TextOp::Suffix => format!("*{text}"),
    }
}

/// Collects the places of instructions.
#[derive(Debug, Default)]
pub(super) struct ProvenanceBuilder {
    attributes: BTreeMap<Attribute, u32>,
    place_of: Vec<u32>,
    places: BTreeMap<Place, u32>,
    lists: BTreeMap<Vec<StrRef>, u32>,
}

impl ProvenanceBuilder {
    /// Adds the place of the next instruction, which reads nothing.
    pub(super) fn add_fixed(&mut self, section: Section, clause: u32) {
        let field = Field::default();
        self.push(Place { section, clause, field, attribute: None, values: Values::Operand });
    }

    /// Adds the place of the next instruction, which has `operand` for `test`.
    pub(super) fn add(
        &mut self,
        section: Section,
        clause: u32,
        test: &Test,
        operand: Operand,
        interner: &mut Interner,
    ) {
        let attribute = test.predicate.attribute();
        let own;
        let values: Vec<&str> = if test.origin.values.is_empty() {
            own = test.predicate.values();
            own.iter().map(String::as_str).collect()
        } else {
            test.origin.values.iter().map(|value| &**value).collect()
        };
        let follows = match operand {
            Operand::Always | Operand::Never | Operand::Matcher(_) => false,
            Operand::Methods(set) => interner.methods.names(set).eq(values.iter().copied()),
            Operand::Text(_, op, literal) => {
                matches!(*values, [value] if written(op, interner.texts.text(literal), is_identity(&attribute)) == *value)
            }
        };
        let values = if follows { Values::Operand } else { Values::List(self.list(&values, interner)) };
        let next = self.attributes.len() as u32;
        let attribute = Some(*self.attributes.entry(attribute).or_insert(next));
        self.push(Place { section, clause, field: test.origin.field, attribute, values });
    }

    fn list(&mut self, values: &[&str], interner: &mut Interner) -> u32 {
        let values: Vec<StrRef> = values.iter().map(|value| interner.texts.add(value)).collect();
        let next = self.lists.len() as u32;
        *self.lists.entry(values).or_insert(next)
    }

    fn push(&mut self, place: Place) {
        let next = self.places.len() as u32;
        self.place_of.push(*self.places.entry(place).or_insert(next));
    }

    /// Returns the places.
    pub(super) fn finish(self) -> Provenance {
        let (mut values, mut starts) = (Vec::new(), Vec::from([0]));
        for list in in_order(self.lists) {
            values.extend(list);
            starts.push(values.len() as u32);
        }
        Provenance {
            attributes: in_order(self.attributes).into(),
            place_of: self.place_of.into(),
            places: in_order(self.places).into(),
            values: values.into(),
            starts: starts.into(),
        }
    }
}

/// Returns the keys of `numbered` by their numbers.
fn in_order<K>(numbered: BTreeMap<K, u32>) -> Vec<K> {
    let mut keys: Vec<(u32, K)> = numbered.into_iter().map(|(key, number)| (number, key)).collect();
    keys.sort_unstable_by_key(|(number, _)| *number);
    keys.into_iter().map(|(_, key)| key).collect()
}
