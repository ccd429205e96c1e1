//! Classes and escapes: `\d`, `\pL`, `[:alpha:]`, `\x{41}`.

use super::parse::{Parser, RegexError};
use alloc::{format, string::String};
use core::{iter::Peekable, str::Chars};
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

const POSIX: [(&str, &[(char, char)]); 14] = [
    ("alnum", &[('0', '9'), ('A', 'Z'), ('a', 'z')]),
    ("alpha", &[('A', 'Z'), ('a', 'z')]),
    ("ascii", &[('\0', '\x7f')]),
    ("blank", &[('\t', '\t'), (' ', ' ')]),
    ("cntrl", &[('\0', '\x1f'), ('\x7f', '\x7f')]),
    ("digit", &[('0', '9')]),
    ("graph", &[('!', '~')]),
    ("lower", &[('a', 'z')]),
    ("print", &[(' ', '~')]),
    ("punct", &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
    ("space", &[('\t', '\r'), (' ', ' ')]),
    ("upper", &[('A', 'Z')]),
    ("word", &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
    ("xdigit", &[('0', '9'), ('A', 'F'), ('a', 'f')]),
];

fn of(ranges: &[(char, char)], negated: bool) -> ClassUnicode {
    let mut class = ClassUnicode::new(ranges.iter().map(|(low, high)| ClassUnicodeRange::new(*low, *high)));
    if negated {
        class.negate();
    }
    class
}

fn named(name: &str, negated: bool) -> Option<ClassUnicode> {
    POSIX.iter().find(|(known, _)| *known == name).map(|(_, ranges)| of(ranges, negated))
}

/// Takes `[:name:]`, where it stands next inside of a class.
pub(super) fn posix(rest: &mut Peekable<Chars<'_>>) -> Result<Option<ClassUnicode>, RegexError> {
    let mut ahead = rest.clone();
    if ahead.next() != Some('[') || ahead.next() != Some(':') {
        return Ok(None);
    }
    let negated = ahead.next_if_eq(&'^').is_some();
    let mut name = String::new();
    loop {
        match ahead.next() {
            Some(':') if ahead.peek() == Some(&']') => break,
            Some(next) => name.push(next),
            // Without its end it is no class of that kind, but characters.
            None => return Ok(None),
        }
    }
    ahead.next();
    let class = named(&name, negated);
    let class = class.ok_or_else(|| RegexError::new(format!("unknown class `[:{name}:]`")))?;
    *rest = ahead;
    Ok(Some(class))
}

impl Parser<'_> {
    /// Takes a class behind a backslash, where one stands there.
    pub(super) fn escaped_class(&mut self) -> Result<Option<ClassUnicode>, RegexError> {
        let Some(next) = self.rest.peek().copied() else { return Ok(None) };
        let class = match next {
            'd' | 'D' => named("digit", next == 'D'),
            // Unlike `[:space:]` without the vertical tab.
            's' | 'S' => Some(of(&[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')], next == 'S')),
            'w' | 'W' => named("word", next == 'W'),
            'p' | 'P' => {
                self.rest.next();
                return self.unicode(next == 'P').map(Some);
            }
            _ => None,
        };
        if class.is_some() {
            self.rest.next();
        }
        Ok(class)
    }

    /// The name of a category or script behind `\p`.
    fn unicode(&mut self, mut negated: bool) -> Result<ClassUnicode, RegexError> {
        let mut name = String::new();
        match self.rest.next() {
            Some('{') => {
                negated ^= self.rest.next_if_eq(&'^').is_some();
                loop {
                    match self.rest.next() {
                        Some('}') => break,
                        Some(next) => name.push(next),
                        None => return Err(RegexError::new("`\\p{` is not closed")),
                    }
                }
            }
            Some(next) => name.push(next),
            None => return Err(RegexError::new("`\\p` without a name")),
        }
        let mut class = unicode(&name)
            .ok_or_else(|| RegexError::new(format!("unknown category or script `\\p{{{name}}}`")))?;
        if negated {
            class.negate();
        }
        Ok(class)
    }

    /// A single character behind a backslash.
    pub(super) fn escaped_character(&mut self) -> Result<char, RegexError> {
        let wrong = || RegexError::new("an escape that RE2 does not know");
        let next = self.rest.next().ok_or_else(wrong)?;
        Ok(match next {
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            // One digit alone would be a reference to a group.
            '1'..='7' if !self.rest.peek().is_some_and(|c| matches!(c, '0'..='7')) => return Err(wrong()),
            '0'..='7' => {
                let mut code = next.to_digit(8).unwrap_or_default();
                for _ in 0..2 {
                    let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(8)) else { break };
                    self.rest.next();
                    code = code * 8 + digit;
                }
                char::from_u32(code).ok_or_else(wrong)?
            }
            'x' => self.hexadecimal().ok_or_else(wrong)?,
            other if other.is_ascii() && !other.is_ascii_alphanumeric() => other,
            _ => return Err(wrong()),
        })
    }

    fn hexadecimal(&mut self) -> Option<char> {
        let mut code = 0u32;
        if self.rest.next_if_eq(&'{').is_none() {
            for _ in 0..2 {
                code = code * 16 + self.rest.next()?.to_digit(16)?;
            }
            return char::from_u32(code);
        }
        let mut digits = 0;
        loop {
            match self.rest.next()? {
                '}' if digits > 0 => return char::from_u32(code),
                digit => {
                    code = code.checked_mul(16)?.checked_add(digit.to_digit(16)?)?;
                    digits += 1;
                }
            }
        }
    }
}

/// A general category or a script by the very name RE2 has for it.
fn unicode(name: &str) -> Option<ClassUnicode> {
    const CATEGORIES: &str = "C Cc Cf Co L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z \
                              Zl Zp Zs";
    if name == "Any" {
        return Some(of(&[('\0', char::MAX)], false));
    }
    let expression = if CATEGORIES.split(' ').any(|c| c == name) {
        format!(r"\p{{{name}}}")
    } else {
        let mut parts = name.split('_');
        let title = |part: &str| {
            let mut letters = part.chars();
            letters.next().is_some_and(|c| c.is_ascii_uppercase()) && letters.all(|c| c.is_ascii_lowercase())
        };
        if name.len() < 3 || !parts.all(title) {
            return None;
        }
        format!(r"\p{{sc={name}}}")
    };
    match regex_syntax::parse(&expression).ok()?.into_kind() {
        HirKind::Class(Class::Unicode(class)) => Some(class),
        _ => None,
    }
}
