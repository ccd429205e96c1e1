//! An expression, compiled.

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

/// Largest automaton that is built ahead, in bytes, and largest that is simulated.
const MAX_DFA: usize = 1 << 18;
const MAX_NFA: usize = 1 << 20;

type Caches =
    Pool<Cache, Box<dyn Fn() -> Cache + Send + Sync + core::panic::UnwindSafe + core::panic::RefUnwindSafe>>;

/// An expression over whole values.
///
/// Cost: one pass over the value's bytes; where the automaton is too large to be built ahead, that times the size of
/// the expression, and some memory.
#[derive(Debug)]
pub(crate) enum Regex {
    /// Never matches: the proxy does not accept the expression.
    Never,
    /// This value.
    Literal(Box<[u8]>),
    /// A head, `.*`, and a tail.
    Around { head: Box<[u8]>, tail: Box<[u8]> },
    /// Built ahead.
    Dfa(Box<dense::DFA<Vec<u32>>>),
    /// Simulated.
    Nfa(Box<(PikeVM, Caches)>),
}

impl Regex {
    /// Compiles `text`. What the proxy would refuse never matches.
    pub(crate) fn new(text: &str) -> Self {
        let Ok(hir) = parse(text, Flavour::Re2) else { return Self::Never };
        shortcut(&hir).or_else(|| automaton(hir)).unwrap_or(Self::Never)
    }

    /// Compiles `text` without shortcuts, for tests.
    #[cfg(test)]
    fn by_automaton(text: &str) -> Self {
        automaton(parse(text, Flavour::Re2).expect("an expression")).expect("of allowed size")
    }

    /// Whether the whole of `value` matches.
    pub(crate) fn is_match(&self, value: &[u8]) -> bool {
        match self {
            Self::Never => false,
            Self::Literal(text) => value == &**text,
            Self::Around { head, tail } => {
                let middle = value.strip_prefix(&**head).and_then(|rest| rest.strip_suffix(&**tail));
                // The dot is a whole character, and no newline.
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

/// The literal that `hir` is, or the two around a `.*`.
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
            // Where the whole value has to match, these say nothing at its ends.
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

    // Forms that the reference evaluator's library refuses, so that no case file can hold them.
    #[test]
    fn what_re2_alone_reads() {
        assert!(matches(r"\p{^Pc}", b"a") && !matches(r"\p{^Pc}", b"_"));
        assert!(matches(r"\P{^Pc}", b"_") && !matches(r"\P{^Pc}", b"a"));
        assert!(matches("(?:a{1,2x|c)", b"c") && matches("(?:a{1,2x|c)", b"a{1,2x"));
        assert!(matches("(?:{|a)", b"{") && matches("(?:{|a)", b"a"));
        assert!(matches("[[:x]", b"x") && matches("[[:x]", b"[") && !matches("[[:x]", b"y"));
    }

    #[test]
    fn the_whole_value_has_to_match() {
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
    fn the_dot_is_one_character_and_no_newline() {
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
    fn perl_classes_are_ascii_and_folding_is_not() {
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
    fn what_re2_refuses_is_refused() {
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
    fn an_automaton_that_would_explode_is_simulated() {
        let pattern = "(a|b)*a(a|b){16}";
        assert!(matches!(Regex::new(pattern), Regex::Nfa(_)));
        let value = "ab".repeat(2000);
        assert!(Regex::new(pattern).is_match(value.as_bytes()) == (value.as_bytes()[4000 - 17] == b'a'));
        assert!(matches!(Regex::new("(a+)+$"), Regex::Dfa(_)));
        assert!(!Regex::new("(a+)+$").is_match(("a".repeat(100_000) + "!").as_bytes()));
    }
}
