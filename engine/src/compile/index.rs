//! From an attribute's value to the rules entered under it.

use super::{
    anchor::{Entry, Frequencies, Key, namespaces},
    context::Context,
    evaluate::NO_STEP,
    intern::Interner,
    methods::{MethodSet, Methods},
    runs::{Runs, RunsBuilder},
    switches::CompileSwitches,
};
use crate::{
    ir::{Attribute, Rule},
    matcher::{
        CidrSet,
        case::CaseSensitivity,
        chunk::ReadDirection,
        collation::Collation,
        literal::{Extent, Literal, MethodMask, SearchBounds},
        literals::LiteralMap,
        string_pool::StringPool,
    },
    request::{Attributes, Read},
};
use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use core::ops::ControlFlow;
use hashbrown::HashTable;

/// A rule that may match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) rule: u32,
    /// Its first step; [`NO_STEP`] where it has none.
    pub(super) first_step: u32,
    /// The step that is known to hold, as the rule was found through it, counted from the first; past 2^16 none is.
    proven: u16,
    /// The methods that the rule can hold with.
    pub(super) methods: MethodSet,
}

impl Candidate {
    /// Rule number `rule`; `proven` is the step that is known to hold, counted from the first.
    pub(super) fn new(rule: u32, first_step: u32, proven: Option<u32>, methods: MethodSet) -> Self {
        let proven = proven.and_then(|step| step.try_into().ok()).unwrap_or(u16::MAX);
        Self { rule, first_step, proven, methods }
    }

    /// The step that is known to hold.
    #[inline]
    pub(super) fn proven(self) -> u32 {
        if self.proven == u16::MAX { NO_STEP } else { self.first_step + u32::from(self.proven) }
    }
}

/// Finds candidates. A rule that matches is always among them; others may be, too.
#[derive(Debug)]
pub(super) struct Index {
    /// Rules that no key finds, ascending.
    always: Box<[Candidate]>,
    lookups: Box<[Lookup]>,
    /// The rules of each key, ascending.
    runs: Runs,
}

/// A key, and the rules that it finds.
#[derive(Debug)]
struct Numbered<'r> {
    key: Key<'r>,
    /// The number of their run.
    run: u32,
    methods: MethodMask,
    /// The first of them.
    first: u32,
}

/// The keys of one attribute. Values are numbers of runs.
#[derive(Debug)]
struct Lookup {
    attribute: Attribute,
    keys: Keys,
    /// The first of all its rules.
    first: u32,
}

#[derive(Debug)]
enum Keys {
    Text(TextKeys),
    Labels(LabelKeys),
    Ports(PortKeys),
    Cidrs(CidrSet),
}

/// Collects rules under their keys.
#[derive(Debug)]
pub(super) struct IndexBuilder<'r> {
    switches: CompileSwitches,
    always: Vec<Candidate>,
    keys: BTreeMap<Entry<'r>, Vec<Candidate>>,
}

impl<'r> IndexBuilder<'r> {
    /// Enters `rules`; `methods` get a bit for each that a rule names.
    pub(super) fn new(rules: &[&'r Rule], switches: CompileSwitches, methods: &mut Methods) -> Self {
        let frequencies = if switches.index { Frequencies::new(rules) } else { Frequencies::default() };
        let mut builder = Self { switches, always: Vec::new(), keys: BTreeMap::new() };
        let mut next_step = 0;
        for (number, rule) in (0u32..).zip(rules) {
            let first_step = if rule.groups.is_empty() { NO_STEP } else { next_step };
            let methods = if switches.methods { methods.of_rule(rule) } else { MethodSet::ANY };
            match frequencies.anchors(rule).filter(|_| switches.index) {
                None => builder.always.push(Candidate::new(number, first_step, None, methods)),
                Some(anchors) => {
                    for (entry, step) in anchors.entries {
                        let proven = Some(step).filter(|_| switches.proven);
                        builder.enter(entry, Candidate::new(number, first_step, proven, methods));
                    }
                }
            }
            next_step += rule.groups.iter().map(|g| super::program::steps_in(&g.clauses)).sum::<u32>();
        }
        builder
    }

    /// A rule that has an entry twice is entered once: where the entry is found, either of its tests holds.
    fn enter(&mut self, entry: Entry<'r>, candidate: Candidate) {
        let run = self.keys.entry(entry).or_default();
        if run.last().is_none_or(|last| last.rule != candidate.rule) {
            run.push(candidate);
        }
    }

    pub(super) fn build(self, interner: &mut Interner) -> Index {
        let mut lookups: Vec<(Attribute, Vec<Numbered<'r>>)> = Vec::new();
        let mut runs = RunsBuilder::new(self.keys.values());
        for ((attribute, key), rules) in self.keys {
            let methods = rules.iter().fold(0, |methods, rule| methods | rule.methods.mask());
            let first = rules.first().filter(|_| self.switches.order).map_or(0, |candidate| candidate.rule);
            let key = Numbered { key, run: runs.add(rules), methods, first };
            match lookups.last_mut().filter(|(last, _)| *last == *attribute) {
                Some((_, keys)) => keys.push(key),
                None => lookups.push((attribute.into_owned(), Vec::from([key]))),
            }
        }
        let lookups = lookups.into_iter().map(|(attribute, keys)| {
            let first = keys.iter().map(|key| key.first).min().unwrap_or(u32::MAX);
            let keys = Keys::new(&attribute, keys, interner);
            Lookup { attribute, keys, first }
        });
        let mut lookups: Vec<Lookup> = lookups.collect();
        // A match in what comes first makes what comes later needless.
        lookups.sort_by_key(|lookup| lookup.first);
        Index { lookups: lookups.into(), always: self.always.into(), runs: runs.finish() }
    }
}

impl Keys {
    /// Of keys that an attribute of this kind cannot have, nothing is kept: no value has them.
    fn new(attribute: &Attribute, keys: Vec<Numbered<'_>>, interner: &mut Interner) -> Self {
        match attribute {
            Attribute::DestinationPort | Attribute::Transport => {
                let mut ports = PortKeys::default();
                for numbered in keys {
                    if let Key::Ports { start, length } = numbered.key {
                        ports.insert(start, length, numbered.run);
                    }
                }
                Self::Ports(ports)
            }
            Attribute::PeerLabels => {
                let mut labels = LabelKeys::default();
                for numbered in keys {
                    if let Key::Label(key, value) = numbered.key {
                        labels.insert(key, value, numbered.run);
                    }
                }
                Self::Labels(labels)
            }
            Attribute::SourceIp | Attribute::RemoteIp | Attribute::DestinationIp | Attribute::PeerAddress => {
                Self::Cidrs(CidrSet::new(keys.into_iter().filter_map(|numbered| match numbered.key {
                    Key::Cidr(net) => Some((net, numbered.run)),
                    _ => None,
                })))
            }
            _ => Self::Text(TextKeys::new(Collation::of(attribute), keys, interner)),
        }
    }
}

impl Index {
    /// Calls `visit` with runs of candidate rules, each ascending, until it breaks. Runs may be left out of which every
    /// rule is at or past `bounds.below`, or holds with none of the methods that `bounds.methods` stand for.
    ///
    /// # Errors
    ///
    /// An attribute that rules are entered under cannot be read, or `visit` failed.
    #[inline]
    pub(super) fn candidates<A: Attributes + ?Sized>(
        &self,
        cx: &Context<'_, A>,
        texts: &StringPool,
        bounds: SearchBounds<'_>,
        mut visit: impl FnMut(&[Candidate]) -> Read<ControlFlow<()>>,
    ) -> Read<()> {
        if !self.always.is_empty() && visit(&self.always)?.is_break() {
            return Ok(());
        }
        for lookup in &self.lookups {
            if lookup.first >= bounds.below.get() {
                break;
            }
            let mut failure = Ok(());
            let flow = lookup.find(cx, texts, bounds, &mut |run| match visit(self.runs.get(run)) {
                Ok(flow) => flow,
                Err(error) => {
                    failure = Err(error);
                    ControlFlow::Break(())
                }
            })?;
            failure?;
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl Lookup {
    /// Calls `run` with the number of each run that the request's value has a key of.
    #[inline]
    fn find<A: Attributes + ?Sized>(
        &self,
        cx: &Context<'_, A>,
        texts: &StringPool,
        bounds: SearchBounds<'_>,
        run: &mut impl FnMut(u32) -> ControlFlow<()>,
    ) -> Read<ControlFlow<()>> {
        Ok(match &self.keys {
            Keys::Text(keys) => match cx.single(&self.attribute)? {
                Some(value) => {
                    value.map_or(ControlFlow::Continue(()), |value| keys.find(texts, value, bounds, run))
                }
                None => {
                    let mut flow = ControlFlow::Continue(());
                    cx.each(&self.attribute, &mut |value| {
                        flow = keys.find(texts, value, bounds, run);
                        flow
                    })?;
                    flow
                }
            },
            Keys::Labels(keys) => {
                let labels = cx.request.peer()?.labels;
                labels.iter().filter_map(|l| keys.find(&l.key, &l.value)).try_for_each(run)
            }
            Keys::Ports(keys) => {
                let port = match &self.attribute {
                    Attribute::Transport => Some(cx.request.transport()?.port),
                    _ => cx.request.destination_port()?,
                };
                port.into_iter().flat_map(|port| keys.find(port)).try_for_each(run)
            }
            Keys::Cidrs(keys) => {
                let mut place = None;
                let addresses = cx.addresses(&self.attribute, &mut place)?;
                addresses.iter().flat_map(|address| keys.find(*address)).try_for_each(run)
            }
        })
    }
}

/// StringPool, their beginnings and endings, and the namespaces of identities.
#[derive(Debug)]
struct TextKeys {
    forward: Option<Box<LiteralMap>>,
    backward: Option<Box<LiteralMap>>,
    namespaces: Option<Box<LiteralMap>>,
}

impl TextKeys {
    fn new(collation: Collation, keys: Vec<Numbered<'_>>, interner: &mut Interner) -> Self {
        let (mut forward, mut backward, mut namespaces) = (Vec::new(), Vec::new(), Vec::new());
        for Numbered { key, run, methods, first } in keys {
            let literal = |text, extent| Literal { text, extent, value: run, methods, rank: first };
            match key {
                Key::Exact(text) => forward.push(literal(text, Extent::Whole)),
                Key::Prefix(text) => forward.push(literal(text, Extent::Part)),
                Key::Suffix(text) => backward.push(literal(text, Extent::Part)),
                Key::Namespace(text) => namespaces.push(literal(text, Extent::Whole)),
                Key::Ports { .. } | Key::Cidr(_) | Key::Label(..) => {}
            }
        }
        let mut map = |from, keys: Vec<_>| {
            (!keys.is_empty()).then(|| Box::new(LiteralMap::new(from, collation, &mut interner.texts, keys)))
        };
        Self {
            forward: map(ReadDirection::Forward, forward),
            backward: map(ReadDirection::Backward, backward),
            namespaces: map(ReadDirection::Forward, namespaces),
        }
    }

    #[inline]
    fn find(
        &self,
        texts: &StringPool,
        value: &[u8],
        bounds: SearchBounds<'_>,
        run: &mut impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for keys in [&self.forward, &self.backward].into_iter().flatten() {
            keys.walk_within(bounds, texts, value, &mut *run)?;
        }
        match &self.namespaces {
            Some(keys) => namespaces(value, |name| keys.walk_within(bounds, texts, name, &mut *run)),
            None => ControlFlow::Continue(()),
        }
    }
}

/// Aligned blocks of ports to runs.
#[derive(Debug, Default)]
struct PortKeys {
    /// Bit `n` is set when some block has length `n`.
    lengths: u32,
    blocks: HashTable<(u16, u8, u32)>,
}

impl PortKeys {
    fn insert(&mut self, start: u16, length: u8, run: u32) {
        self.lengths |= 1 << length;
        self.blocks.insert_unique(port_hash(start, length), (start, length, run), |b| port_hash(b.0, b.1));
    }

    fn find(&self, port: u16) -> impl Iterator<Item = u32> {
        (0..=16u8).filter(|length| self.lengths & (1 << length) != 0).filter_map(move |length| {
            let start = port & u16::MAX.checked_shl(16 - u32::from(length)).unwrap_or(0);
            self.blocks.find(port_hash(start, length), |b| (b.0, b.1) == (start, length)).map(|b| b.2)
        })
    }
}

fn port_hash(start: u16, length: u8) -> u64 {
    ((u64::from(start) << 8) | u64::from(length)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Label keys and values to runs.
#[derive(Debug, Default)]
struct LabelKeys(HashTable<(Box<str>, Box<str>, u32)>);

impl LabelKeys {
    fn insert(&mut self, key: &str, value: &str, run: u32) {
        let entry = (key.into(), value.into(), run);
        self.0.insert_unique(label_hash(key, value), entry, |l| label_hash(&l.0, &l.1));
    }

    fn find(&self, key: &str, value: &str) -> Option<u32> {
        self.0.find(label_hash(key, value), |l| *l.0 == *key && *l.1 == *value).map(|l| l.2)
    }
}

fn label_hash(key: &str, value: &str) -> u64 {
    CaseSensitivity::Sensitive.hash(key.as_bytes()).rotate_left(23)
        ^ CaseSensitivity::Sensitive.hash(value.as_bytes())
}
