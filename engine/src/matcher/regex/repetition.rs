//! Repetition operators: `*`, `+`, `?` and counts.

use core::{iter::Peekable, str::Chars};

/// A repetition operator.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operator {
    pub(super) min: u32,
    /// The largest number of repetitions, or `None` without a limit.
    pub(super) max: Option<u32>,
    /// Whether the expression contains counts; nested counts are multiplied for the size limit.
    pub(super) is_counted: bool,
}

impl Operator {
    /// Reads an operator if the text starts with one.
    pub(super) fn read(rest: &mut Peekable<Chars<'_>>) -> Option<Self> {
        let (min, max) = match rest.peek()? {
            '*' => (0, None),
            '+' => (1, None),
            '?' => (0, Some(1)),
            '{' => {
                let mut ahead = rest.clone();
                ahead.next();
                let (min, max, after) = counts(ahead)?;
                *rest = after;
                return Some(Self { min, max, is_counted: true });
            }
            _ => return None,
        };
        rest.next();
        Some(Self { min, max, is_counted: false })
    }
}

/// Returns the counts of `{n}`, `{n,}` or `{n,m}` after the brace, and the text after them. Without valid counts the brace is
/// a literal character.
pub(super) fn counts(mut rest: Peekable<Chars<'_>>) -> Option<(u32, Option<u32>, Peekable<Chars<'_>>)> {
    let min = count(&mut rest)?;
    let max = match rest.next()? {
        '}' => return Some((min, Some(min), rest)),
        ',' if rest.next_if_eq(&'}').is_some() => return Some((min, None, rest)),
        ',' => count(&mut rest)?,
        _ => return None,
    };
    (rest.next()? == '}').then_some((min, Some(max), rest))
}

/// Returns the number of some digits without a leading zero. A number that is too large for the type exceeds every limit
/// anyway.
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
