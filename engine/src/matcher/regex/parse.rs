//! The syntax of RE2 with its default options, to the automaton compiler's form.
//!
//! Source: RE2's own syntax page, and Go's `regexp/syntax`, which the Cilium agent checks `path` and `method` with.

use super::class;
use alloc::{boxed::Box, collections::BTreeSet, format, string::String, vec::Vec};
use core::{fmt, iter::Peekable, str::Chars};
use regex_syntax::hir::{Capture, Class, ClassUnicode, ClassUnicodeRange, Dot, Hir, Look, Repetition};

/// Longest expression, in bytes.
const MAX_LENGTH: usize = 8192;
/// Deepest nesting of groups.
const MAX_DEPTH: u32 = 200;
/// Largest count of a repetition, and of nested ones multiplied.
const MAX_REPEAT: u32 = 1000;

/// Whose acceptance is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// The agent's check: Go's `regexp`.
    Go,
    /// The proxy: RE2.
    Re2,
}

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RegexError(Box<str>);

impl RegexError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into().into())
    }
}

impl fmt::Display for RegexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads `text`.
///
/// # Errors
///
/// `flavour` does not accept it, or it is over a limit.
pub(crate) fn parse(text: &str, flavour: Flavour) -> Result<Hir, RegexError> {
    if text.len() > MAX_LENGTH {
        return Err(RegexError::new(format!("the expression is longer than {MAX_LENGTH} bytes")));
    }
    let mut parser = Parser {
        rest: text.chars().peekable(),
        flavour,
        flags: Flags::default(),
        names: BTreeSet::new(),
        groups: 0,
    };
    let whole = parser.alternation(0)?;
    match parser.rest.next() {
        None => Ok(whole.hir),
        Some(_) => Err(RegexError::new("unexpected `)`")),
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Flags {
    fold: bool,
    multi_line: bool,
    dot_newline: bool,
}

/// A part of the expression, with the most that its nested counts multiply to.
struct Node {
    hir: Hir,
    repeats: u32,
}

impl Node {
    fn new(hir: Hir) -> Self {
        Self { hir, repeats: 1 }
    }
}

pub(super) struct Parser<'t> {
    pub(super) rest: Peekable<Chars<'t>>,
    flavour: Flavour,
    flags: Flags,
    names: BTreeSet<String>,
    groups: u32,
}

impl Parser<'_> {
    /// Up to a closing parenthesis or the end.
    fn alternation(&mut self, depth: u32) -> Result<Node, RegexError> {
        if depth > MAX_DEPTH {
            return Err(RegexError::new(format!("groups are nested deeper than {MAX_DEPTH}")));
        }
        let mut branches = Vec::new();
        let mut repeats = 1;
        loop {
            let branch = self.concatenation(depth)?;
            repeats = branch.repeats.max(repeats);
            branches.push(branch.hir);
            if self.rest.next_if_eq(&'|').is_none() {
                return Ok(Node { hir: Hir::alternation(branches), repeats });
            }
        }
    }

    fn concatenation(&mut self, depth: u32) -> Result<Node, RegexError> {
        let mut parts: Vec<Hir> = Vec::new();
        let mut repeats = 1;
        while let Some(next) = self.rest.peek().copied().filter(|c| !matches!(c, '|' | ')')) {
            self.rest.next();
            let mut atoms: Vec<Node> = Vec::new();
            match next {
                '(' => atoms.extend(self.group(depth)?),
                '\\' if self.rest.peek() == Some(&'Q') => atoms.extend(self.quoted()),
                '*' | '+' | '?' => {
                    return Err(RegexError::new(format!("`{next}` has nothing to repeat")));
                }
                '{' if self.counts().is_some() => {
                    return Err(RegexError::new("a count has nothing to repeat"));
                }
                other => atoms.push(self.atom(other)?),
            }
            let Some(last) = atoms.pop() else { continue };
            let last = self.repeated(last)?;
            for node in atoms.into_iter().chain([last]) {
                repeats = node.repeats.max(repeats);
                parts.push(node.hir);
            }
        }
        Ok(Node { hir: Hir::concat(parts), repeats })
    }

    /// A character, class or assertion that starts with `first`.
    fn atom(&mut self, first: char) -> Result<Node, RegexError> {
        let (start, end) = match self.flags.multi_line {
            true => (Look::StartLF, Look::EndLF),
            false => (Look::Start, Look::End),
        };
        Ok(Node::new(match first {
            '.' if self.flags.dot_newline => Hir::dot(Dot::AnyChar),
            '.' => Hir::dot(Dot::AnyCharExceptLF),
            '^' => Hir::look(start),
            '$' => Hir::look(end),
            '[' => self.class()?,
            '\\' => self.escape()?,
            other => self.literal(other),
        }))
    }

    fn literal(&self, character: char) -> Hir {
        if self.flags.fold && character.is_alphabetic() {
            let range = ClassUnicodeRange::new(character, character);
            return self.folded(ClassUnicode::new([range]));
        }
        let mut buffer = [0; 4];
        Hir::literal(character.encode_utf8(&mut buffer).as_bytes())
    }

    fn folded(&self, mut class: ClassUnicode) -> Hir {
        if self.flags.fold {
            // INVARIANT: the tables of case folding are compiled in.
            let _ = class.try_case_fold_simple();
        }
        Hir::class(Class::Unicode(class))
    }

    /// The repetitions behind `node`; one may not be repeated itself.
    fn repeated(&mut self, node: Node) -> Result<Node, RegexError> {
        let Some((min, max, counted)) = self.operator() else { return Ok(node) };
        self.rest.next_if_eq(&'?');
        if self.operator().is_some() {
            return Err(RegexError::new("a repetition is repeated: put it in a group"));
        }
        if min > MAX_REPEAT || max.is_some_and(|max| max > MAX_REPEAT || max < min) {
            return Err(RegexError::new(format!("a count is over {MAX_REPEAT}, or falls")));
        }
        let factor = if counted { max.unwrap_or(min).max(1) } else { 1 };
        let repeats = node.repeats.saturating_mul(factor);
        if repeats > MAX_REPEAT {
            return Err(RegexError::new(format!("nested counts multiply to more than {MAX_REPEAT}")));
        }
        let sub = Box::new(node.hir);
        Ok(Node { hir: Hir::repetition(Repetition { min, max, greedy: true, sub }), repeats })
    }

    /// Takes `*`, `+`, `?` or a count, where one stands next.
    fn operator(&mut self) -> Option<(u32, Option<u32>, bool)> {
        let (min, max) = match self.rest.peek()? {
            '*' => (0, None),
            '+' => (1, None),
            '?' => (0, Some(1)),
            '{' => {
                let mut ahead = self.rest.clone();
                ahead.next();
                let (min, max, rest) = counts(ahead)?;
                self.rest = rest;
                return Some((min, max, true));
            }
            _ => return None,
        };
        self.rest.next();
        Some((min, max, false))
    }

    /// The counts behind a brace that was taken, if they are counts; else the brace is a literal.
    fn counts(&self) -> Option<(u32, Option<u32>)> {
        counts(self.rest.clone()).map(|(min, max, _)| (min, max))
    }

    /// `\Q...\E`, whose end may be missing.
    fn quoted(&mut self) -> Vec<Node> {
        self.rest.next();
        let mut nodes = Vec::new();
        while let Some(next) = self.rest.next() {
            if next == '\\' && self.rest.next_if_eq(&'E').is_some() {
                break;
            }
            nodes.push(Node::new(self.literal(next)));
        }
        nodes
    }

    /// Behind an opening parenthesis; none if it only sets flags.
    fn group(&mut self, depth: u32) -> Result<Option<Node>, RegexError> {
        let outer = self.flags;
        let mut captures = true;
        if self.rest.next_if_eq(&'?').is_some() {
            if self.rest.peek() == Some(&'P') || self.named() {
                self.name()?;
            } else if !self.set_flags()? {
                return Ok(None);
            } else {
                captures = false;
            }
        }
        let mut node = self.alternation(depth + 1)?;
        if self.rest.next().is_none() {
            return Err(RegexError::new("a group is not closed"));
        }
        self.flags = outer;
        if captures {
            self.groups += 1;
            let (index, sub) = (self.groups, Box::new(node.hir));
            node.hir = Hir::capture(Capture { index, name: None, sub });
        }
        Ok(Some(node))
    }

    /// Whether `<` and a name follow, rather than a look behind.
    fn named(&self) -> bool {
        let mut ahead = self.rest.clone();
        ahead.next() == Some('<') && ahead.next().is_some_and(|c| !matches!(c, '=' | '!'))
    }

    fn name(&mut self) -> Result<(), RegexError> {
        self.rest.next_if_eq(&'P');
        let mut name = String::new();
        let opened = self.rest.next() == Some('<');
        while let Some(next) = self.rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
            name.push(next);
        }
        if !opened || name.is_empty() || self.rest.next() != Some('>') || !self.names.insert(name) {
            return Err(RegexError::new("a group's name is empty, malformed or given twice"));
        }
        Ok(())
    }

    /// Flags behind `(?`; whether a group follows.
    fn set_flags(&mut self) -> Result<bool, RegexError> {
        let mut flags = self.flags;
        let (mut on, mut seen) = (true, false);
        loop {
            match self.rest.next() {
                Some('i') => flags.fold = on,
                Some('m') => flags.multi_line = on,
                Some('s') => flags.dot_newline = on,
                // Which match is preferred does not count where the whole value has to match.
                Some('U') => {}
                Some('-') if on => {
                    (on, seen) = (false, false);
                    continue;
                }
                Some(end @ (':' | ')')) if on || seen => {
                    self.flags = flags;
                    return Ok(end == ':');
                }
                _ => return Err(RegexError::new("only groups, names and the flags `imsU` may follow `(?`")),
            }
            seen = true;
        }
    }

    /// Behind a backslash, outside of a class.
    fn escape(&mut self) -> Result<Hir, RegexError> {
        let Some(next) = self.rest.peek().copied() else {
            return Err(RegexError::new("a backslash stands at the end"));
        };
        let look = match next {
            'A' => Some(Look::Start),
            'z' => Some(Look::End),
            'b' => Some(Look::WordAscii),
            'B' => Some(Look::WordAsciiNegate),
            _ => None,
        };
        if let Some(look) = look {
            self.rest.next();
            return Ok(Hir::look(look));
        }
        if next == 'C' && self.flavour == Flavour::Re2 {
            self.rest.next();
            return Ok(Hir::dot(Dot::AnyByte));
        }
        if let Some(class) = self.escaped_class()? {
            return Ok(self.folded(class));
        }
        let character = self.escaped_character()?;
        Ok(self.literal(character))
    }

    /// A bracketed class, behind its opening bracket.
    fn class(&mut self) -> Result<Hir, RegexError> {
        let negated = self.rest.next_if_eq(&'^').is_some();
        let mut class = ClassUnicode::empty();
        let mut first = true;
        loop {
            let Some(next) = self.rest.peek().copied() else {
                return Err(RegexError::new("a class is not closed"));
            };
            if next == ']' && !first {
                self.rest.next();
                break;
            }
            first = false;
            if let Some(named) = class::posix(&mut self.rest)? {
                class.union(&named);
                continue;
            }
            if next == '\\' {
                let mut ahead = self.rest.clone();
                self.rest.next();
                if let Some(named) = self.escaped_class()? {
                    class.union(&named);
                    continue;
                }
                core::mem::swap(&mut self.rest, &mut ahead);
            }
            let low = self.class_character()?;
            let mut high = low;
            let mut ahead = self.rest.clone();
            if ahead.next() == Some('-') && ahead.peek().is_some_and(|c| *c != ']') {
                self.rest = ahead;
                high = self.class_character()?;
            }
            if high < low {
                return Err(RegexError::new(format!("the range `{low}-{high}` falls")));
            }
            class.push(ClassUnicodeRange::new(low, high));
        }
        if self.flags.fold {
            let _ = class.try_case_fold_simple();
        }
        if negated {
            class.negate();
        }
        Ok(Hir::class(Class::Unicode(class)))
    }

    fn class_character(&mut self) -> Result<char, RegexError> {
        match self.rest.next() {
            Some('\\') => self.escaped_character(),
            Some(other) => Ok(other),
            None => Err(RegexError::new("a class is not closed")),
        }
    }
}

/// `{n}`, `{n,}` or `{n,m}` behind the brace, and what follows.
fn counts(mut rest: Peekable<Chars<'_>>) -> Option<(u32, Option<u32>, Peekable<Chars<'_>>)> {
    let min = count(&mut rest)?;
    let max = match rest.next()? {
        '}' => return Some((min, Some(min), rest)),
        ',' if rest.next_if_eq(&'}').is_some() => return Some((min, None, rest)),
        ',' => count(&mut rest)?,
        _ => return None,
    };
    (rest.next()? == '}').then_some((min, Some(max), rest))
}

/// Digits without a leading zero; what is too large for a number is over every limit.
fn count(rest: &mut Peekable<Chars<'_>>) -> Option<u32> {
    let first = rest.next()?.to_digit(10)?;
    let mut number = first;
    let mut digits = 1;
    while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)) {
        rest.next();
        digits += 1;
        number = number.saturating_mul(10).saturating_add(digit);
    }
    (digits == 1 || first > 0).then_some(number)
}
