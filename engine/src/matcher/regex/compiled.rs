//! Compiled regular expressions.

use super::parse::{Flavour, parse};
use alloc::{boxed::Box, vec::Vec};
use regex_automata::{
    Anchored, Input,
    dfa::{Automaton, dense},
    nfa::thompson::{
        self,
        pikevm::{Cache, PikeVM},
    },
    util::pool::Pool,
};
use regex_syntax::hir::{Hir, HirKind, Look};

/// The maximum size in bytes of a deterministic automaton.
const MAX_DFA: usize = 1 << 18;
/// The maximum size in bytes of an automaton that is simulated.
const MAX_NFA: usize = 1 << 20;

type Caches =
    Pool<Cache, Box<dyn Fn() -> Cache + Send + Sync + core::panic::UnwindSafe + core::panic::RefUnwindSafe>>;

/// An expression that is matched against whole values.
///
/// A match takes one pass over the bytes of the value. If the deterministic automaton would be too large, each byte costs
/// time linear in the size of the expression, and the match can allocate memory.
#[derive(Debug)]
pub(crate) enum Regex {
    /// Matches no value, because the proxy rejects the expression.
    Never,
    /// Matches this value only.
    Literal(Box<[u8]>),
    /// Matches `head`, any characters except newlines, and `tail`.
    Around { head: Box<[u8]>, tail: Box<[u8]> },
    /// A deterministic automaton.
    Dfa(Box<dense::DFA<Vec<u32>>>),
    /// A simulated automaton with its memory.
    Nfa(Box<(PikeVM, Caches)>),
}

impl Regex {
    /// Compiles `text`. An expression that the proxy rejects matches no value.
    pub(crate) fn new(text: &str) -> Self {
        let Ok(hir) = parse(text, Flavour::Re2) else { return Self::Never };
        shortcut(&hir).or_else(|| automaton(hir)).unwrap_or(Self::Never)
    }

    /// Compiles `text` to an automaton, even if a comparison of literals is possible.
    #[cfg(test)]
    fn by_automaton(text: &str) -> Self {
        automaton(parse(text, Flavour::Re2).expect("an expression")).expect("of allowed size")
    }

    /// Returns whether the whole of `value` matches.
    pub(crate) fn is_match(&self, value: &[u8]) -> bool {
        match self {
            Self::Never => false,
            Self::Literal(text) => value == &**text,
            Self::Around { head, tail } => {
                let middle = value.strip_prefix(&**head).and_then(|rest| rest.strip_suffix(&**tail));
                // A dot matches a whole character except a newline.
                middle.is_some_and(|m| !m.contains(&b'\n') && core::str::from_utf8(m).is_ok())
            }
            Self::Dfa(dfa) => {
                let input = Input::new(value).anchored(Anchored::Yes);
                matches!(dfa.try_search_fwd(&input), Ok(Some(_)))
            }
            Self::Nfa(simulated) => {
                let (vm, caches) = &**simulated;
                vm.is_match(&mut caches.get(), Input::new(value).anchored(Anchored::Yes))
            }
        }
    }
}

/// Returns a comparison of literals that is equivalent to `hir`, if there is one.
fn shortcut(hir: &Hir) -> Option<Regex> {
    let parts: &[Hir] = match hir.kind() {
        HirKind::Concat(parts) => parts,
        _ => core::slice::from_ref(hir),
    };
    let (mut head, mut tail): (Vec<u8>, Option<Vec<u8>>) = (Vec::new(), None);
    for part in parts {
        match part.kind() {
            HirKind::Empty => {}
            HirKind::Literal(literal) => tail.as_mut().unwrap_or(&mut head).extend_from_slice(&literal.0),
            HirKind::Repetition(r) if tail.is_none() && r.min == 0 && r.max.is_none() => {
                if *r.sub != Hir::dot(regex_syntax::hir::Dot::AnyCharExceptLF) {
                    return None;
                }
                tail = Some(Vec::new());
            }
            // At the ends of the expression these have no effect, because the whole value must match.
            HirKind::Look(Look::Start) if head.is_empty() && tail.is_none() => {}
            HirKind::Look(Look::End) if core::ptr::eq(part, parts.last()?) => {}
            _ => return None,
        }
    }
    Some(match tail {
        None => Regex::Literal(head.into()),
        Some(tail) => Regex::Around { head: head.into(), tail: tail.into() },
    })
}

fn automaton(hir: Hir) -> Option<Regex> {
    let whole = Hir::concat(Vec::from([Hir::look(Look::Start), hir, Hir::look(Look::End)]));
    let config = thompson::Config::new()
        .utf8(false)
        .nfa_size_limit(Some(MAX_NFA))
        .which_captures(thompson::WhichCaptures::None);
    let nfa = thompson::Compiler::new().configure(config).build_from_hir(&whole).ok()?;
    let config = dense::Config::new()
        .start_kind(regex_automata::dfa::StartKind::Anchored)
        .dfa_size_limit(Some(MAX_DFA))
        .determinize_size_limit(Some(MAX_DFA * 4));
    if let Ok(dfa) = dense::Builder::new().configure(config).build_from_nfa(&nfa) {
        return Some(Regex::Dfa(Box::new(dfa)));
    }
    let vm = PikeVM::new_from_nfa(nfa).ok()?;
    let fresh = vm.clone();
    let caches: Caches = Pool::new(Box::new(move || fresh.create_cache()));
    Some(Regex::Nfa(Box::new((vm, caches))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, value: &[u8]) -> bool {
        assert!(parse(pattern, Flavour::Re2).is_ok(), "{pattern}");
        let (regex, automaton) = (Regex::new(pattern), Regex::by_automaton(pattern));
        assert_eq!(regex.is_match(value), automaton.is_match(value), "{pattern} {value:?}");
        regex.is_match(value)
    }

    // The library of the reference evaluator rejects these expressions, so no case file can contain them.
    #[test]
    fn expressions_that_only_re2_accepts_match() {
        assert!(matches(r"\p{^Pc}", b"a") && !matches(r"\p{^Pc}", b"_"));
        assert!(matches(r"\P{^Pc}", b"_") && !matches(r"\P{^Pc}", b"a"));
        assert!(matches("(?:a{1,2x|c)", b"c") && matches("(?:a{1,2x|c)", b"a{1,2x"));
        assert!(matches("(?:{|a)", b"{") && matches("(?:{|a)", b"a"));
        assert!(matches("[[:x]", b"x") && matches("[[:x]", b"[") && !matches("[[:x]", b"y"));
    }

    #[test]
    fn expression_matches_the_whole_value_only() {
        assert!(matches("/public", b"/public"));
        assert!(!matches("/public", b"/public/"));
        assert!(matches("/a|/b.*", b"/b/x"));
        assert!(!matches("/a|/b.*", b"/x/b"));
        assert!(matches("^/public$", b"/public"));
        assert!(matches(".*public$", b"/maybe/public"));
        assert!(matches("/public.*", b"/public"));
        assert!(!matches("/public.*", b"/publi"));
        assert!(!matches("aba.*bab", b"abab"), "head and tail may not overlap");
        assert!(matches("", b""));
        assert!(!matches("", b"x"));
        assert!(!matches("a^b", b"ab"));
    }

    #[test]
    fn dot_matches_one_character_except_newline() {
        assert!(matches("a.b", b"aXb"));
        assert!(matches("a.b", "a\u{e9}b".as_bytes()));
        assert!(!matches("a.b", b"a\xe9b"), "no character");
        assert!(!matches("a.*", b"a\xe9"));
        assert!(matches(r"a\Cb", b"a\xe9b"));
        assert!(!matches("a.*", b"a\n"));
        assert!(matches("(?s)a.*", b"a\n"));
        assert!(matches("[^b]", b"\n"), "a negated class admits a newline");
        assert!(!matches("(?s).", b"\xff"));
    }

    #[test]
    fn perl_classes_are_ascii_and_case_folding_is_unicode() {
        assert!(!matches(r"\d", "\u{661}".as_bytes()));
        assert!(matches(r"\pN", "\u{661}".as_bytes()));
        assert!(!matches(r"\w", "\u{e9}".as_bytes()));
        assert!(matches(r"\W", "\u{e9}".as_bytes()));
        assert!(matches("(?i)k", "\u{212a}".as_bytes()));
        assert!(matches("(?i)GET", b"get"));
        assert!(matches("(?i:G)ET", b"gET"));
        assert!(!matches("(?i:G)ET", b"get"));
        assert!(!matches(r"\s", b"\x0b"));
        assert!(matches("[[:space:]]", b"\x0b"));
        assert!(matches(r"a\b.*", b"a "));
        assert!(!matches(r"a\b.*", b"ab"));
        assert!(matches(r"[\d\-x]+", b"4-x"));
        assert!(matches("[a[b]", b"["));
        assert!(matches("[]a]", b"]"));
        assert!(matches("[a-]", b"-"));
        assert!(matches(r"\Qa.b*\E+", b"a.b**"));
        assert!(matches(r"\x41\101\x{41}", b"AAA"));
        assert!(matches("a{2}b{,3}", b"aab{,3}"));
        assert!(matches("(ab){2}", b"abab"));
        assert!(matches("(?P<x>a)(?<y>b)", b"ab"));
        assert!(matches(r"[[:^alpha:]]\p{Greek}\p{^Greek}", "1\u{3b1}a".as_bytes()));
    }

    #[test]
    fn expressions_that_re2_rejects_are_errors() {
        for pattern in [
            "*",
            "a**",
            "a*+",
            "a++",
            "a|*",
            "(*)",
            "(",
            ")",
            "a)",
            "[",
            "[a",
            "[b-a]",
            "a{2}{3}",
            "a{1001}",
            "(a{40}){40}",
            "a{3,2}",
            "(?=a)",
            "(?!a)",
            "(?<=a)",
            "(?<!a)",
            "(?#a)",
            "(?i-:a)",
            r"\1",
            r"\8",
            r"\Z",
            r"\G",
            r"\K",
            r"\e",
            r"\h",
            r"\N",
            r"\R",
            r"\x",
            r"\x{110000}",
            r"\p{Foo}",
            r"\p{greek}",
            r"\p{Alphabetic}",
            "[[:foo:]]",
            r"\",
            "{2}",
            "(?P<a>x)(?P<a>y)",
            "(?P<>a)",
            r"[a-\d]",
            "(?x)a",
            r"\u0041",
        ] {
            assert!(parse(pattern, Flavour::Re2).is_err(), "{pattern}");
            assert!(!Regex::new(pattern).is_match(pattern.as_bytes()), "{pattern}");
        }
        assert!(parse(r"\C", Flavour::Go).is_err());
        assert!(parse("{", Flavour::Go).is_ok());
        assert!(parse("(a{10}){100}", Flavour::Go).is_ok());
        assert!(parse(&"(".repeat(100_000), Flavour::Re2).is_err());
        assert!(parse(&("(".repeat(300) + &")".repeat(300)), Flavour::Re2).is_err());
    }

    #[test]
    fn automaton_over_the_size_limit_is_simulated() {
        let pattern = "(a|b)*a(a|b){16}";
        assert!(matches!(Regex::new(pattern), Regex::Nfa(_)));
        let value = "ab".repeat(2000);
        assert!(Regex::new(pattern).is_match(value.as_bytes()) == (value.as_bytes()[4000 - 17] == b'a'));
        assert!(matches!(Regex::new("(a+)+$"), Regex::Dfa(_)));
        assert!(!Regex::new("(a+)+$").is_match(("a".repeat(100_000) + "!").as_bytes()));
    }
}
