//! From an attribute's value to the rules entered under it.

use super::{
    anchor::{Frequencies, Key, namespaces},
    evaluate::Context,
    intern::case_of,
    program::{CompileSwitches, slice},
};
use crate::{
    ir::{Attribute, Rule},
    matcher::{
        CidrSet,
        bytes::Case,
        trie::{From, Trie},
    },
    request::{Attributes, Read},
};
use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use core::ops::{ControlFlow, Range};
use hashbrown::HashTable;

/// Finds candidates. A rule that matches is always among them; others may be, too.
#[derive(Debug)]
pub(crate) struct Index {
    /// Rules that no key finds, ascending.
    always: Box<[u32]>,
    lookups: Box<[Lookup]>,
    /// Rule numbers, one run per key, each ascending.
    postings: Box<[u32]>,
    /// The run of each key.
    runs: Box<[Range<u32>]>,
}

/// The keys of one attribute. Values are numbers of runs.
#[derive(Debug)]
struct Lookup {
    attribute: Attribute,
    case: Case,
    exact: HashTable<(Box<str>, u32)>,
    prefixes: Trie,
    suffixes: Trie,
    namespaces: HashTable<(Box<str>, u32)>,
    labels: LabelRuns,
    ports: PortRuns,
    cidrs: CidrSet,
}

/// Aligned blocks of ports to runs.
#[derive(Debug, Default)]
struct PortRuns {
    /// Bit `n` is set when some block has length `n`.
    lengths: u32,
    blocks: HashTable<(u16, u8, u32)>,
}

impl PortRuns {
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
    (u64::from(start) << 8 | u64::from(length)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Label keys and values to runs.
#[derive(Debug, Default)]
struct LabelRuns(HashTable<(Box<str>, Box<str>, u32)>);

impl LabelRuns {
    fn insert(&mut self, key: Box<str>, value: Box<str>, run: u32) {
        let hash = label_hash(&key, &value);
        self.0.insert_unique(hash, (key, value, run), |l| label_hash(&l.0, &l.1));
    }

    fn find(&self, key: &str, value: &str) -> Option<u32> {
        self.0.find(label_hash(key, value), |l| *l.0 == *key && *l.1 == *value).map(|l| l.2)
    }
}

fn label_hash(key: &str, value: &str) -> u64 {
    Case::Kept.hash(key.as_bytes()).rotate_left(23) ^ Case::Kept.hash(value.as_bytes())
}

/// Collects rules under their keys.
#[derive(Debug)]
pub(super) struct IndexBuilder {
    always: Vec<u32>,
    keys: BTreeMap<Attribute, BTreeMap<Key, Vec<u32>>>,
}

impl IndexBuilder {
    pub(super) fn new(rules: &[Rule], switches: CompileSwitches) -> Self {
        let frequencies = Frequencies::new(rules);
        let mut builder = Self { always: Vec::new(), keys: BTreeMap::new() };
        for (number, rule) in (0u32..).zip(rules) {
            match frequencies.anchors(rule).filter(|_| switches.index) {
                None => builder.always.push(number),
                Some(anchors) => {
                    for (attribute, key) in anchors {
                        let run = builder.keys.entry(attribute).or_default().entry(key).or_default();
                        if run.last() != Some(&number) {
                            run.push(number);
                        }
                    }
                }
            }
        }
        builder
    }

    pub(super) fn build(self) -> Index {
        let (mut postings, mut runs, mut lookups) = (Vec::new(), Vec::new(), Vec::new());
        for (attribute, keys) in self.keys {
            let case = case_of(&attribute);
            let mut exact = HashTable::new();
            let mut names = HashTable::new();
            let mut labels = LabelRuns::default();
            let mut ports = PortRuns::default();
            let (mut prefixes, mut suffixes) = (Vec::new(), Vec::new());
            let mut cidrs = Vec::new();
            for (key, rules) in keys {
                let run = runs.len() as u32;
                let start = postings.len() as u32;
                postings.extend(rules);
                runs.push(start..postings.len() as u32);
                match key {
                    Key::Exact(text) => insert(&mut exact, case, text, run),
                    Key::Namespace(text) => insert(&mut names, Case::Kept, text, run),
                    Key::Label(key, value) => labels.insert(key, value, run),
                    Key::Prefix(text) => prefixes.push((text, run)),
                    Key::Suffix(text) => suffixes.push((text, run)),
                    Key::Ports { start, length } => ports.insert(start, length, run),
                    Key::Cidr(net) => cidrs.push((net, run)),
                }
            }
            let trie = |from, keys: &[(Box<str>, u32)]| {
                Trie::new(from, case, keys.iter().map(|(key, run)| (key.as_bytes(), *run)))
            };
            lookups.push(Lookup {
                attribute,
                case,
                exact,
                prefixes: trie(From::Start, &prefixes),
                suffixes: trie(From::End, &suffixes),
                namespaces: names,
                labels,
                ports,
                cidrs: CidrSet::new(cidrs),
            });
        }
        Index {
            always: self.always.into(),
            lookups: lookups.into(),
            postings: postings.into(),
            runs: runs.into(),
        }
    }
}

fn insert(table: &mut HashTable<(Box<str>, u32)>, case: Case, text: Box<str>, run: u32) {
    table.insert_unique(case.hash(text.as_bytes()), (text, run), |(t, _)| case.hash(t.as_bytes()));
}

impl Index {
    /// Calls `visit` with runs of candidate rules, each ascending, until it breaks.
    #[inline]
    pub(super) fn candidates<A: Attributes + ?Sized>(
        &self,
        cx: &Context<'_, A>,
        mut visit: impl FnMut(&mut dyn Iterator<Item = u32>) -> ControlFlow<()>,
    ) -> Read<()> {
        if !self.always.is_empty() && visit(&mut self.always.iter().copied()).is_break() {
            return Ok(());
        }
        for lookup in &self.lookups {
            let mut run = |run: u32| match self.runs.get(run as usize) {
                Some(range) => visit(&mut slice(&self.postings, range).copied()),
                None => ControlFlow::Continue(()),
            };
            if lookup.find(cx, &mut run)?.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Lookup {
    fn find<A: Attributes + ?Sized>(
        &self,
        cx: &Context<'_, A>,
        run: &mut dyn FnMut(u32) -> ControlFlow<()>,
    ) -> Read<ControlFlow<()>> {
        match &self.attribute {
            Attribute::DestinationPort => {
                let port = cx.request.destination_port()?;
                Ok(port.into_iter().flat_map(|p| self.ports.find(p)).try_for_each(run))
            }
            Attribute::Transport => Ok(self.ports.find(cx.request.transport()?.port).try_for_each(run)),
            Attribute::PeerLabels => {
                let labels = cx.request.peer()?.labels;
                Ok(labels.iter().filter_map(|l| self.labels.find(&l.key, &l.value)).try_for_each(run))
            }
            Attribute::SourceIp | Attribute::RemoteIp | Attribute::DestinationIp | Attribute::PeerAddress => {
                let address = cx.address(&self.attribute)?;
                Ok(address.into_iter().flat_map(|a| self.cidrs.find(a)).try_for_each(run))
            }
            _ => {
                let mut flow = ControlFlow::Continue(());
                cx.texts(&self.attribute, &mut |value| {
                    flow = self.text(value, run);
                    flow
                })?;
                Ok(flow)
            }
        }
    }

    #[inline]
    fn text(&self, value: &[u8], run: &mut dyn FnMut(u32) -> ControlFlow<()>) -> ControlFlow<()> {
        if !self.exact.is_empty()
            && let Some((_, number)) =
                self.exact.find(self.case.hash(value), |(t, _)| self.case.eq(value, t.as_bytes()))
        {
            run(*number)?;
        }
        if !self.namespaces.is_empty() {
            for name in namespaces(value) {
                let found = self.namespaces.find(Case::Kept.hash(name), |(t, _)| t.as_bytes() == name);
                if let Some((_, number)) = found {
                    run(*number)?;
                }
            }
        }
        self.prefixes.walk(value, &mut *run)?;
        self.suffixes.walk(value, run)
    }
}
