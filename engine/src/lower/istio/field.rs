//! One field with its values and its `not` form, with the tolerance of its policy's action
//! (docs/semantics/istio.md#istio-invalid-values).

use super::{Chain, RuleContext};
use crate::{
    ir::{Attribute, Pattern, Test},
    resource::istio::Action,
};
use alloc::{string::String, vec::Vec};
use ipnet::IpNet;

/// A value or field that cannot be compiled. An ALLOW rule is then dropped whole; for the other actions the
/// value is dropped, and a field with no value left places no restriction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Invalid;

/// The whole rule is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dropped;

/// Values of one field, absent reading as none.
pub(super) fn list(values: &Option<Vec<String>>) -> &[String] {
    values.as_deref().unwrap_or_default()
}

impl RuleContext<'_> {
    /// The tests of a field: `values` in positive form and `not_values` in negated form. `compile` turns one value
    /// into its patterns.
    pub(super) fn field(
        &self,
        tests: &mut Vec<Test>,
        attribute: &Attribute,
        values: &[String],
        not_values: &[String],
        compile: impl Fn(&str) -> Result<Vec<Pattern>, Invalid>,
    ) -> Result<(), Dropped> {
        for (negated, values) in [(false, values), (true, not_values)] {
            if values.is_empty() {
                continue;
            }
            let mut patterns = Vec::with_capacity(values.len());
            for value in values {
                let compiled = if self.chain == Chain::Tcp && attribute.is_http() {
                    Err(Invalid)
                } else {
                    compile(value)
                };
                match compiled {
                    Ok(compiled) => patterns.extend(compiled),
                    Err(Invalid) if self.action == Action::Allow => return Err(Dropped),
                    Err(Invalid) => {}
                }
            }
            if !patterns.is_empty() {
                let attribute = attribute.clone();
                tests.push(Test { attribute, negated, patterns: patterns.into() });
            }
        }
        Ok(())
    }
}

/// An address or block; host bits are masked, a bare address is a block of one.
pub(crate) fn cidr(value: &str) -> Option<IpNet> {
    let net = if value.contains('/') {
        value.parse::<IpNet>().ok()?
    } else {
        IpNet::from(value.parse::<core::net::IpAddr>().ok()?)
    };
    Some(net.trunc())
}

/// A port number.
pub(crate) fn port(value: &str) -> Option<u16> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| value.parse().ok()).flatten()
}

/// A block as the only pattern of its value.
pub(super) fn cidr_pattern(value: &str) -> Result<Vec<Pattern>, Invalid> {
    cidr(value).map(|net| alloc::vec![Pattern::Cidr(net)]).ok_or(Invalid)
}

/// A port as the only pattern of its value.
pub(super) fn port_pattern(value: &str) -> Result<Vec<Pattern>, Invalid> {
    port(value).map(|port| alloc::vec![Pattern::Ports(port, port)]).ok_or(Invalid)
}
