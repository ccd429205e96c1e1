//! The one walk over a program: [`Program::first_match`] to decide, the same tests with an [`Observer`] to explain.

use super::{
    intern::Matcher,
    program::{ClauseEntry, Program, RuleEntry, TestEntry, slice},
};
use crate::{
    ir::{Attribute, Pattern, Section, Text},
    matcher::{bytes::Case, text},
    request::{Attributes, ClaimName, Read, Shape, Unavailable, Visit},
};
use core::{net::IpAddr, ops::ControlFlow};

const ISSUER: [ClaimName; 1] = [ClaimName::Borrowed("iss")];
const SUBJECT: [ClaimName; 1] = [ClaimName::Borrowed("sub")];

/// A request being decided.
#[derive(Debug)]
pub(crate) struct Context<'a, A: ?Sized> {
    pub(super) request: &'a A,
}

/// A test that did not hold, and where it stands.
#[derive(Debug)]
pub(crate) struct FailedTest<'p> {
    pub(crate) section: Section,
    pub(crate) clause: u32,
    pub(crate) attribute: &'p Attribute,
    pub(crate) negated: bool,
    pub(crate) patterns: &'p [Pattern],
}

/// Watches the walk. With [`Ignore`] the walk stops a rule at its first failing test; otherwise it looks at all.
pub(crate) trait Observer {
    /// Whether every test of a rule is to be looked at.
    const EXHAUSTIVE: bool;
    /// A test was looked at.
    fn test(&mut self, held: bool, test: FailedTest<'_>);
    /// A group was looked at.
    fn group(&mut self, section: Section, held: bool);
}

/// Watches nothing: deciding.
#[derive(Debug)]
pub(crate) struct Ignore;

impl Observer for Ignore {
    const EXHAUSTIVE: bool = false;
    #[inline]
    fn test(&mut self, _: bool, _: FailedTest<'_>) {}
    #[inline]
    fn group(&mut self, _: Section, _: bool) {}
}

impl Program {
    /// The first rule, at or after number `floor`, that holds. Allocates nothing; reads attributes only as the
    /// candidates left by the index need them.
    ///
    /// # Errors
    ///
    /// A rule before the first that holds needs an attribute that cannot be read.
    pub(crate) fn first_match<A: Attributes + ?Sized>(&self, request: &A, floor: u32) -> Read<Option<u32>> {
        if let Some((interpreter, rules)) = &self.interpreted {
            return (interpreter.0)(rules, &request, floor);
        }
        // The index reads attributes in its own order. What it cannot read, the rules before the match may not need.
        self.first_candidate(request, floor).or_else(|Unavailable| self.first_in_order(request, floor))
    }

    fn first_in_order<A: Attributes + ?Sized>(&self, request: &A, floor: u32) -> Read<Option<u32>> {
        for rule in floor..self.len() {
            if self.holds(rule, request, &mut Ignore)? {
                return Ok(Some(rule));
            }
        }
        Ok(None)
    }

    fn first_candidate<A: Attributes + ?Sized>(&self, request: &A, floor: u32) -> Read<Option<u32>> {
        let cx = Context { request };
        let mut best = None;
        let mut failure = None;
        self.index.candidates(&cx, |candidates| {
            for rule in candidates.skip_while(|r| *r < floor) {
                if best.is_some_and(|b| rule >= b) {
                    break;
                }
                match self.holds(rule, request, &mut Ignore) {
                    Ok(false) => {}
                    Ok(true) => {
                        best = Some(rule);
                        break;
                    }
                    Err(error) => {
                        failure = Some(error);
                        return ControlFlow::Break(());
                    }
                }
            }
            if best == Some(floor) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        failure.map_or(Ok(best), Err)
    }

    /// Whether rule number `rule` holds; `observer` sees every test that was looked at.
    pub(crate) fn holds<A: Attributes + ?Sized, O: Observer>(
        &self,
        rule: u32,
        request: &A,
        observer: &mut O,
    ) -> Read<bool> {
        let cx = Context { request };
        match self.rules.get(rule as usize) {
            Some(rule) => self.rule_holds(rule, &cx, observer),
            None => Ok(false),
        }
    }

    fn rule_holds<A: Attributes + ?Sized, O: Observer>(
        &self,
        rule: &RuleEntry,
        cx: &Context<'_, A>,
        observer: &mut O,
    ) -> Read<bool> {
        let mut all = true;
        for group in slice(&self.groups, &rule.groups) {
            let mut any = false;
            for clause in slice(&self.clauses, &group.clauses) {
                any |= self.clause_holds(group.section, clause, cx, observer)?;
                if any && !O::EXHAUSTIVE {
                    break;
                }
            }
            observer.group(group.section, any);
            all &= any;
            if !all && !O::EXHAUSTIVE {
                break;
            }
        }
        Ok(all)
    }

    fn clause_holds<A: Attributes + ?Sized, O: Observer>(
        &self,
        section: Section,
        clause: &ClauseEntry,
        cx: &Context<'_, A>,
        observer: &mut O,
    ) -> Read<bool> {
        let mut all = true;
        for test in slice(&self.tests, &clause.tests) {
            let held = self.test_holds(test, cx)?;
            if O::EXHAUSTIVE
                && let Some(attribute) = self.interned.attributes.get(usize::from(test.attribute))
                && let Some(patterns) = self.interned.patterns.get(test.matcher as usize)
            {
                let negated = test.negated;
                observer
                    .test(held, FailedTest { section, clause: clause.index, attribute, negated, patterns });
            }
            all &= held;
            if !all && !O::EXHAUSTIVE {
                break;
            }
        }
        Ok(all)
    }

    fn test_holds<A: Attributes + ?Sized>(&self, test: &TestEntry, cx: &Context<'_, A>) -> Read<bool> {
        let attribute = self.interned.attributes.get(usize::from(test.attribute));
        let matcher = self.interned.matchers.get(test.matcher as usize);
        let (Some(attribute), Some(matcher)) = (attribute, matcher) else { return Ok(false) };
        Ok(cx.matches(attribute, matcher)? != test.negated)
    }
}

impl<A: Attributes + ?Sized> Context<'_, A> {
    /// Whether some value of `attribute` is matched by `matcher`.
    fn matches(&self, attribute: &Attribute, matcher: &Matcher) -> Read<bool> {
        let request = self.request;
        let mut found = false;
        let mut check = |held: bool| {
            found |= held;
            if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        match matcher {
            Matcher::Text(set) => self.texts(attribute, &mut |value| check(set.matches(value)))?,
            Matcher::RequestPrincipals(pairs) => return self.request_principal(pairs),
            Matcher::Cidrs(set) => found = self.address(attribute)?.is_some_and(|a| set.contains(a)),
            Matcher::Ports(ranges) => {
                found = request
                    .destination_port()?
                    .is_some_and(|port| ranges.iter().any(|(first, last)| (*first..=*last).contains(&port)));
            }
            Matcher::Transports(ranges) => {
                let flow = request.transport()?;
                found = ranges.iter().any(|(protocol, first, last)| {
                    *protocol == flow.protocol && (*first..=*last).contains(&flow.port)
                });
            }
            Matcher::Labels(selectors) => {
                let labels = request.peer()?.labels;
                found = selectors.iter().any(|s| s.matches(labels));
            }
            Matcher::Names(set) => match attribute {
                Attribute::PeerName => request.peer_names(&mut |name| check(set.matches(name)))?,
                _ => found = request.dns_query()?.is_some_and(|name| set.matches(name)),
            },
        }
        Ok(found)
    }

    fn request_principal(&self, pairs: &[(Text, Text)]) -> Read<bool> {
        for (issuer, subject) in pairs {
            if self.claim_is(&ISSUER, issuer)? && self.claim_is(&SUBJECT, subject)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn claim_is(&self, path: &[ClaimName], pattern: &Text) -> Read<bool> {
        let mut found = false;
        self.request.claim(path, Shape::Text, &mut |value| {
            found |= text::matches_one(pattern, Case::Kept, value);
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// The address that `attribute` names.
    pub(super) fn address(&self, attribute: &Attribute) -> Read<Option<IpAddr>> {
        match attribute {
            Attribute::SourceIp => self.request.source_ip(),
            Attribute::RemoteIp => self.request.remote_ip(),
            Attribute::DestinationIp => self.request.destination_ip(),
            _ => Ok(self.request.peer()?.cidr),
        }
    }

    /// Visits the text values of `attribute`.
    pub(super) fn texts(&self, attribute: &Attribute, visit: Visit<'_>) -> Read<()> {
        let request = self.request;
        let one = match attribute {
            Attribute::Method => request.method()?,
            Attribute::Host | Attribute::Authority => request.authority()?,
            Attribute::Path => request.path()?.map(without_query),
            Attribute::PathAndQuery => request.path()?,
            Attribute::ServerName => Some(request.server_name()?.unwrap_or_default()),
            Attribute::Header(name) => return request.header(name, visit),
            Attribute::Identity => return request.identities(visit),
            Attribute::PortName => return request.port_names(visit),
            Attribute::Claim(path) => return request.claim(path, Shape::TextOrList, visit),
            Attribute::Metadata { filter, key, shape } => {
                return request.metadata(filter, key, *shape, visit);
            }
            _ => None,
        };
        if let Some(value) = one {
            let _ = visit(value);
        }
        Ok(())
    }
}

/// `:path` up to the first `?` or `#` (`spec/istio.md` 7.2).
fn without_query(path: &[u8]) -> &[u8] {
    memchr::memchr2(b'?', b'#', path).and_then(|at| path.get(..at)).unwrap_or(path)
}

/// Visits the text values of `attribute`.
pub(crate) fn texts<A: Attributes + ?Sized>(
    attribute: &Attribute,
    request: &A,
    visit: Visit<'_>,
) -> Read<()> {
    Context { request }.texts(attribute, visit)
}
