//! Tables that all tests share: text attributes, literals, methods, matchers.

use super::{
    instruction::{Operand, TextOp},
    matcher::Matcher,
    methods::Methods,
};
use crate::{
    ir::{Predicate, TextAttribute},
    matcher::{
        strategy::SearchStrategy,
        string_pool::{StringPool, StringPoolBuilder},
    },
    switches::CompileSwitches,
};
use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

/// Builds the tables; equal entries are stored once.
#[derive(Debug, Default)]
pub(super) struct Interner {
    pub(super) texts: StringPoolBuilder,
    pub(super) methods: Methods,
    switches: CompileSwitches,
    text_attributes: Vec<TextAttribute>,
    matchers: Vec<Matcher>,
    by_attribute: BTreeMap<TextAttribute, u16>,
    by_predicate: BTreeMap<Predicate, u32>,
}

/// The tables.
#[derive(Debug)]
pub(super) struct Interned {
    pub(super) texts: StringPool,
    pub(super) methods: Methods,
    /// The attributes of [`Operand::Text`].
    pub(super) text_attributes: Box<[TextAttribute]>,
    pub(super) matchers: Box<[Matcher]>,
}

impl Interner {
    pub(super) fn new(switches: CompileSwitches) -> Self {
        Self { switches, ..Self::default() }
    }

    /// Returns the operand of an instruction for `predicate`.
    pub(super) fn operand(&mut self, predicate: &Predicate) -> Operand {
        let Predicate::Text(attribute, patterns) = predicate else {
            return Operand::Matcher(self.matcher(predicate));
        };
        if self.switches.methods
            && *attribute == TextAttribute::Method
            && let Some(set) = self.methods.exactly(patterns)
        {
            return Operand::Methods(set);
        }
        if let [text] = &**patterns
            && let Some((op, literal)) = TextOp::of(attribute, text)
            && let Some(number) = self.text_attribute(attribute)
        {
            return Operand::Text(number, op, self.texts.add(literal));
        }
        Operand::Matcher(self.matcher(predicate))
    }

    /// Returns the number of `attribute`, or `None` if the table is full.
    fn text_attribute(&mut self, attribute: &TextAttribute) -> Option<u16> {
        if let Some(number) = self.by_attribute.get(attribute) {
            return Some(*number);
        }
        let number = self.text_attributes.len().try_into().ok()?;
        self.text_attributes.push(attribute.clone());
        self.by_attribute.insert(attribute.clone(), number);
        Some(number)
    }

    fn matcher(&mut self, predicate: &Predicate) -> u32 {
        if let Some(number) = self.by_predicate.get(predicate) {
            return *number;
        }
        let number = self.matchers.len() as u32;
        let strategy = if self.switches.sets { SearchStrategy::Indexed } else { SearchStrategy::Linear };
        self.matchers.push(Matcher::new(predicate, strategy));
        self.by_predicate.insert(predicate.clone(), number);
        number
    }

    /// Returns the tables.
    pub(super) fn finish(self) -> Interned {
        Interned {
            texts: self.texts.finish(),
            methods: self.methods,
            text_attributes: self.text_attributes.into(),
            matchers: self.matchers.into(),
        }
    }
}
