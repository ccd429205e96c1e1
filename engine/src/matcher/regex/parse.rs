//! Parses the syntax of RE2 with its default options to the form that the automaton compiler reads.
//!
//! Sources: the syntax page of RE2, and Go's `regexp/syntax`, with which the Cilium agent checks `path` and `method`.

use super::{
    class::{bracketed_class, escaped_character, escaped_class},
    error::RegexError,
    repetition::{Operator, counts},
};
use alloc::{boxed::Box, collections::BTreeSet, format, string::String, vec::Vec};
use core::{iter::Peekable, str::Chars};
use regex_syntax::hir::{Capture, Class, ClassUnicode, ClassUnicodeRange, Dot, Hir, Look, Repetition};

/// The maximum length of an expression in bytes.
const MAX_LENGTH: usize = 8192;
/// The maximum depth of nested groups.
const MAX_DEPTH: u32 = 200;
/// The maximum count of a repetition, and the maximum product of nested counts.
const MAX_REPEAT: u32 = 1000;

/// The implementation whose syntax is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// Go's `regexp`, which the agent uses to check expressions.
    Go,
    /// RE2, which the proxy uses to match them.
    Re2,
}

/// Parses the expression `text`.
///
/// # Errors
///
/// The expression is invalid in `flavour`, or exceeds a limit.
pub(crate) fn parse(text: &str, flavour: Flavour) -> Result<Hir, RegexError> {
    if text.len() > MAX_LENGTH {
        return Err(RegexError::new(format!(
            "the expression must have at most {MAX_LENGTH} bytes, got {}",
            text.len()
        )));
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

/// The flags of `(?ims)`.
#[derive(Clone, Copy, Debug, Default)]
struct Flags {
    /// `i`: ignore case.
    fold: bool,
    /// `m`: `^` and `$` match at each line.
    multi_line: bool,
    /// `s`: a dot matches a newline.
    dot_newline: bool,
}

/// A part of the expression.
struct Node {
    hir: Hir,
    /// The largest product of its nested counts.
    repeats: u32,
}

impl Node {
    fn new(hir: Hir) -> Self {
        Self { hir, repeats: 1 }
    }
}

struct Parser<'t> {
    /// The text that is not yet parsed.
    rest: Peekable<Chars<'t>>,
    flavour: Flavour,
    flags: Flags,
    names: BTreeSet<String>,
    groups: u32,
}

impl Parser<'_> {
    /// Parses alternatives up to a closing parenthesis or the end.
    fn alternation(&mut self, depth: u32) -> Result<Node, RegexError> {
        if depth > MAX_DEPTH {
            return Err(RegexError::new(format!("groups must be nested at most {MAX_DEPTH} deep")));
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
                    return Err(RegexError::new(format!("missing expression before `{next}`")));
                }
                '{' if counts(self.rest.clone()).is_some() => {
                    return Err(RegexError::new("missing expression before a count"));
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

    /// Parses a character, class or assertion whose first character is `first`.
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
            '[' => Hir::class(Class::Unicode(bracketed_class(&mut self.rest, self.flags.fold)?)),
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

    /// Parses the repetition after `node`. A repetition of a repetition is an error.
    fn repeated(&mut self, node: Node) -> Result<Node, RegexError> {
        let Some(Operator { min, max, is_counted }) = Operator::read(&mut self.rest) else { return Ok(node) };
        self.rest.next_if_eq(&'?');
        if Operator::read(&mut self.rest).is_some() {
            return Err(RegexError::new(
                "invalid repetition of a repetition: enclose the inner one in a group",
            ));
        }
        if min > MAX_REPEAT || max.is_some_and(|max| max > MAX_REPEAT || max < min) {
            return Err(RegexError::new(format!(
                "invalid count: it must be at most {MAX_REPEAT}, and the minimum at most the maximum"
            )));
        }
        let factor = if is_counted { max.unwrap_or(min).max(1) } else { 1 };
        let repeats = node.repeats.saturating_mul(factor);
        if repeats > MAX_REPEAT {
            return Err(RegexError::new(format!(
                "the product of nested counts must be at most {MAX_REPEAT}"
            )));
        }
        let sub = Box::new(node.hir);
        Ok(Node { hir: Hir::repetition(Repetition { min, max, greedy: true, sub }), repeats })
    }

    /// Parses `\Q...\E`; the `\E` is optional at the end of the expression.
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

    /// Parses a group after its opening parenthesis. Returns `None` if it only sets flags.
    fn group(&mut self, depth: u32) -> Result<Option<Node>, RegexError> {
        let outer = self.flags;
        let mut captures = true;
        if self.rest.next_if_eq(&'?').is_some() {
            if self.rest.peek() == Some(&'P') || self.is_named() {
                self.name()?;
            } else if !self.set_flags()? {
                return Ok(None);
            } else {
                captures = false;
            }
        }
        let mut node = self.alternation(depth + 1)?;
        if self.rest.next().is_none() {
            return Err(RegexError::new("missing `)`: a group is not closed"));
        }
        self.flags = outer;
        if captures {
            self.groups += 1;
            let (index, sub) = (self.groups, Box::new(node.hir));
            node.hir = Hir::capture(Capture { index, name: None, sub });
        }
        Ok(Some(node))
    }

    /// Returns whether `<` and a name follow, rather than a look-behind assertion.
    fn is_named(&self) -> bool {
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
            return Err(RegexError::new("invalid name of a group: it is empty, malformed or not unique"));
        }
        Ok(())
    }

    /// Parses the flags after `(?`. Returns whether a group follows.
    fn set_flags(&mut self) -> Result<bool, RegexError> {
        let mut flags = self.flags;
        let (mut on, mut seen) = (true, false);
        loop {
            match self.rest.next() {
                Some('i') => flags.fold = on,
                Some('m') => flags.multi_line = on,
                Some('s') => flags.dot_newline = on,
                // The preferred match makes no difference, because the whole value must match.
                Some('U') => {}
                Some('-') if on => {
                    (on, seen) = (false, false);
                    continue;
                }
                Some(end @ (':' | ')')) if on || seen => {
                    self.flags = flags;
                    return Ok(end == ':');
                }
                _ => {
                    return Err(RegexError::new(
                        "invalid text after `(?`: only names and the flags `imsU` are supported",
                    ));
                }
            }
            seen = true;
        }
    }

    /// Parses an escape outside of a class, after the backslash.
    fn escape(&mut self) -> Result<Hir, RegexError> {
        let Some(next) = self.rest.peek().copied() else {
            return Err(RegexError::new("missing character after the backslash at the end"));
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
        if let Some(class) = escaped_class(&mut self.rest)? {
            return Ok(self.folded(class));
        }
        let character = escaped_character(&mut self.rest)?;
        Ok(self.literal(character))
    }
}
