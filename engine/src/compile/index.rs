//! The index: from the value of an attribute to the rules that can match.

use super::{
    context::{Context, TextValue},
    index_plan::{Frequencies, Key, PortAttribute, PortBlock, TextKey, namespaces},
    instruction::{NO_INSTRUCTION, instruction_count},
    intern::Interner,
    methods::{MethodSet, Methods},
    posting::Posting,
    posting_lists::{PostingLists, PostingListsBuilder},
};
use crate::{
    ir::{AddressAttribute, Rule, TextAttribute},
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
    switches::CompileSwitches,
};
use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use core::ops::ControlFlow;
use hashbrown::HashTable;

/// The index. The candidates that it returns contain every rule that matches, and possibly others.
#[derive(Debug)]
pub(super) struct Index {
    /// Rules without a key, ascending.
    always: Box<[Posting]>,
    lookups: Box<[Lookup]>,
    /// The rules of each key, ascending.
    lists: PostingLists,
}

/// A key with its list of rules.
#[derive(Debug)]
struct Entry<K> {
    key: K,
    /// The number of the list of postings.
    list: u32,
    methods: MethodMask,
    /// The first rule in the list.
    first: u32,
}

/// The keys of one attribute.
#[derive(Debug)]
struct Lookup {
    keys: Keys,
    /// The first of all its rules.
    first: u32,
}

/// Tables from keys to numbers of lists.
#[derive(Debug)]
enum Keys {
    Text(TextAttribute, TextKeys),
    Labels(LabelKeys),
    Ports(PortAttribute, PortKeys),
    Cidrs(AddressAttribute, CidrSet),
}

/// Collects the postings of each key.
#[derive(Debug)]
pub(super) struct IndexBuilder<'r> {
    switches: CompileSwitches,
    always: Vec<Posting>,
    keys: BTreeMap<Key<'r>, Vec<Posting>>,
}

impl<'r> IndexBuilder<'r> {
    /// Adds `rules`; `methods` gets a bit for each method that a rule names.
    pub(super) fn new(rules: &[&'r Rule], switches: CompileSwitches, methods: &mut Methods) -> Self {
        let frequencies = if switches.index { Frequencies::new(rules) } else { Frequencies::default() };
        let mut builder = Self { switches, always: Vec::new(), keys: BTreeMap::new() };
        let mut next = 0;
        for (number, rule) in (0u32..).zip(rules) {
            let first = if rule.groups.is_empty() { NO_INSTRUCTION } else { next };
            let methods = if switches.methods { methods.of_rule(rule) } else { MethodSet::ANY };
            match frequencies.plan(rule).filter(|_| switches.index) {
                None => builder.always.push(Posting::new(number, first, None, methods)),
                Some(plan) => {
                    for (key, proven) in plan.keys {
                        let proven = Some(proven).filter(|_| switches.proven);
                        builder.add(key, Posting::new(number, first, proven, methods));
                    }
                }
            }
            next += rule.groups.iter().map(|g| instruction_count(&g.clauses)).sum::<u32>();
        }
        builder
    }

    /// Adds `posting` under `key`. A rule with the same key twice is added once: each of the two tests is sufficient.
    fn add(&mut self, key: Key<'r>, posting: Posting) {
        let list = self.keys.entry(key).or_default();
        if list.last().is_none_or(|last| last.rule != posting.rule) {
            list.push(posting);
        }
    }

    pub(super) fn build(self, interner: &mut Interner) -> Index {
        let mut lists = PostingListsBuilder::new(self.keys.values());
        let mut keys = KeysBuilder::default();
        for (key, postings) in self.keys {
            let methods = postings.iter().fold(0, |methods, posting| methods | posting.methods.mask());
            let first = postings.first().filter(|_| self.switches.order).map_or(0, |posting| posting.rule);
            let entry = Entry { key: (), list: lists.add(postings), methods, first };
            match key {
                Key::Text(attribute, key) => {
                    keys.texts.entry(attribute.into_owned()).or_default().push(entry.with(key));
                }
                Key::Port(attribute, block) => {
                    keys.ports.entry(attribute).or_default().push(entry.with(block))
                }
                Key::Cidr(attribute, net) => keys.cidrs.entry(attribute).or_default().push(entry.with(net)),
                Key::Label(key, value) => keys.labels.push(entry.with((key, value))),
            }
        }
        let mut lookups = keys.build(interner);
        // In this order, the search can skip attributes whose rules all come after a match.
        lookups.sort_by_key(|lookup| lookup.first);
        Index { lookups: lookups.into(), always: self.always.into(), lists: lists.finish() }
    }
}

impl Entry<()> {
    fn with<K>(self, key: K) -> Entry<K> {
        Entry { key, list: self.list, methods: self.methods, first: self.first }
    }
}

/// The keys by attribute.
#[derive(Debug, Default)]
struct KeysBuilder<'r> {
    ports: BTreeMap<PortAttribute, Vec<Entry<PortBlock>>>,
    texts: BTreeMap<TextAttribute, Vec<Entry<TextKey<'r>>>>,
    cidrs: BTreeMap<AddressAttribute, Vec<Entry<ipnet::IpNet>>>,
    labels: Vec<Entry<(&'r str, &'r str)>>,
}

impl KeysBuilder<'_> {
    fn build(self, interner: &mut Interner) -> Vec<Lookup> {
        fn first<K>(entries: &[Entry<K>]) -> u32 {
            entries.iter().map(|entry| entry.first).min().unwrap_or(u32::MAX)
        }
        let mut lookups = Vec::new();
        for (attribute, entries) in self.ports {
            let first = first(&entries);
            lookups.push(Lookup { first, keys: Keys::Ports(attribute, PortKeys::new(entries)) });
        }
        for (attribute, entries) in self.texts {
            let first = first(&entries);
            let keys = TextKeys::new(Collation::of(&attribute), entries, interner);
            lookups.push(Lookup { first, keys: Keys::Text(attribute, keys) });
        }
        for (attribute, entries) in self.cidrs {
            let first = first(&entries);
            let set = CidrSet::new(entries.into_iter().map(|entry| (entry.key, entry.list)));
            lookups.push(Lookup { first, keys: Keys::Cidrs(attribute, set) });
        }
        if !self.labels.is_empty() {
            let first = first(&self.labels);
            lookups.push(Lookup { first, keys: Keys::Labels(LabelKeys::new(self.labels)) });
        }
        lookups
    }
}

impl Index {
    /// Calls `visit` with lists of candidates, each ascending, until it breaks. A list can be left out if all its rules are
    /// at or after `bounds.below`, or if none matches with a method of `bounds.methods`.
    ///
    /// # Errors
    ///
    /// An attribute of the index is unreadable, or `visit` failed.
    #[inline]
    pub(super) fn candidates<A: Attributes + ?Sized>(
        &self,
        cx: &Context<'_, A>,
        texts: &StringPool,
        bounds: SearchBounds<'_>,
        mut visit: impl FnMut(&[Posting]) -> Read<ControlFlow<()>>,
    ) -> Read<()> {
        if !self.always.is_empty() && visit(&self.always)?.is_break() {
            return Ok(());
        }
        for lookup in &self.lookups {
            if lookup.first >= bounds.below.get() {
                break;
            }
            let mut failure = Ok(());
            let flow = lookup.find(cx, texts, bounds, &mut |list| match visit(self.lists.get(list)) {
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
    /// Calls `visit` with the number of each list whose key the request has.
    #[inline]
    fn find<A: Attributes + ?Sized>(
        &self,
        cx: &Context<'_, A>,
        texts: &StringPool,
        bounds: SearchBounds<'_>,
        visit: &mut impl FnMut(u32) -> ControlFlow<()>,
    ) -> Read<ControlFlow<()>> {
        Ok(match &self.keys {
            Keys::Text(attribute, keys) => match cx.single(attribute)? {
                TextValue::Single(value) => {
                    value.map_or(ControlFlow::Continue(()), |value| keys.find(texts, value, bounds, visit))
                }
                TextValue::Multiple => {
                    let mut flow = ControlFlow::Continue(());
                    cx.each(attribute, &mut |value| {
                        flow = keys.find(texts, value, bounds, visit);
                        flow
                    })?;
                    flow
                }
            },
            Keys::Labels(keys) => {
                let labels = cx.request.peer()?.labels;
                labels.iter().filter_map(|l| keys.find(&l.key, &l.value)).try_for_each(visit)
            }
            Keys::Ports(attribute, keys) => {
                let port = match attribute {
                    PortAttribute::Transport => Some(cx.request.transport()?.port),
                    PortAttribute::Destination => cx.request.destination_port()?,
                };
                port.into_iter().flat_map(|port| keys.find(port)).try_for_each(visit)
            }
            Keys::Cidrs(attribute, keys) => {
                let mut place = None;
                let addresses = cx.addresses(*attribute, &mut place)?;
                addresses.iter().flat_map(|address| keys.find(*address)).try_for_each(visit)
            }
        })
    }
}

/// Whole texts, prefixes, suffixes, and the namespaces of identities.
#[derive(Debug)]
struct TextKeys {
    forward: Option<Box<LiteralMap>>,
    backward: Option<Box<LiteralMap>>,
    namespaces: Option<Box<LiteralMap>>,
}

impl TextKeys {
    fn new(collation: Collation, entries: Vec<Entry<TextKey<'_>>>, interner: &mut Interner) -> Self {
        let (mut forward, mut backward, mut namespaces) = (Vec::new(), Vec::new(), Vec::new());
        for Entry { key, list, methods, first } in entries {
            let literal = |text, extent| Literal { text, extent, value: list, methods, rank: first };
            match key {
                TextKey::Exact(text) => forward.push(literal(text, Extent::Whole)),
                TextKey::Prefix(text) => forward.push(literal(text, Extent::Part)),
                TextKey::Suffix(text) => backward.push(literal(text, Extent::Part)),
                TextKey::Namespace(text) => namespaces.push(literal(text, Extent::Whole)),
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
        visit: &mut impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for keys in [&self.forward, &self.backward].into_iter().flatten() {
            keys.walk_within(bounds, texts, value, &mut *visit)?;
        }
        match &self.namespaces {
            Some(keys) => namespaces(value, |name| keys.walk_within(bounds, texts, name, &mut *visit)),
            None => ControlFlow::Continue(()),
        }
    }
}

/// Aligned blocks of ports.
#[derive(Debug, Default)]
struct PortKeys {
    /// The lengths of the blocks: bit `n` is set if a block has length `n`.
    lengths: u32,
    blocks: HashTable<(PortBlock, u32)>,
}

impl PortKeys {
    fn new(entries: Vec<Entry<PortBlock>>) -> Self {
        let mut keys = Self::default();
        for Entry { key, list, .. } in entries {
            keys.lengths |= 1 << key.length;
            keys.blocks.insert_unique(port_hash(key), (key, list), |(block, _)| port_hash(*block));
        }
        keys
    }

    fn find(&self, port: u16) -> impl Iterator<Item = u32> {
        (0..=16u8).filter(|length| self.lengths & (1 << length) != 0).filter_map(move |length| {
            let start = port & u16::MAX.checked_shl(16 - u32::from(length)).unwrap_or(0);
            let block = PortBlock { start, length };
            self.blocks.find(port_hash(block), |(known, _)| *known == block).map(|(_, list)| *list)
        })
    }
}

fn port_hash(block: PortBlock) -> u64 {
    ((u64::from(block.start) << 8) | u64::from(block.length)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Label keys with their values.
#[derive(Debug, Default)]
struct LabelKeys(HashTable<(Box<str>, Box<str>, u32)>);

impl LabelKeys {
    fn new(entries: Vec<Entry<(&str, &str)>>) -> Self {
        let mut keys = HashTable::new();
        for Entry { key: (key, value), list, .. } in entries {
            let hash = |entry: &(Box<str>, Box<str>, u32)| label_hash(&entry.0, &entry.1);
            keys.insert_unique(label_hash(key, value), (key.into(), value.into(), list), hash);
        }
        Self(keys)
    }

    fn find(&self, key: &str, value: &str) -> Option<u32> {
        self.0.find(label_hash(key, value), |l| *l.0 == *key && *l.1 == *value).map(|l| l.2)
    }
}

fn label_hash(key: &str, value: &str) -> u64 {
    CaseSensitivity::Sensitive.hash(key.as_bytes()).rotate_left(23)
        ^ CaseSensitivity::Sensitive.hash(value.as_bytes())
}
