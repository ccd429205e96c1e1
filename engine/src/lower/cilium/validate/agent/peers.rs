//! Messages about selectors, address blocks and peers.

use super::{
    super::super::model::{BlockFault, InvalidName, PeerFault, SelectorFault},
    text::{Text, text},
};
use alloc::{format, string::String};

pub(super) fn selector(fault: &SelectorFault) -> Text {
    match fault {
        SelectorFault::UnknownOperator(operator) => text(
            "bad-operator",
            format!("invalid operator `{operator}`"),
            "use `In`, `NotIn`, `Exists` or `DoesNotExist`; case counts",
        ),
        SelectorFault::MissingValues(operator) => {
            text("bad-values", format!("`{operator}` needs at least one value"), "list the values")
        }
        SelectorFault::UnexpectedValues(operator) => {
            text("bad-values", format!("`{operator}` takes no values"), "remove the values, or use `In`")
        }
        SelectorFault::InvalidKey(key) => text(
            "bad-label",
            format!("invalid label key `{key}`"),
            "a key is an optional prefix, a slash and a name of letters, digits, `-`, `_` and `.`; a source comes \
             before it, with a colon",
        ),
        SelectorFault::InvalidValue(value) => text(
            "bad-label",
            format!("invalid label value `{value}`"),
            "a value has at most 63 letters, digits, `-`, `_` and `.`, and begins and ends with a letter or digit",
        ),
    }
}

pub(super) fn block(fault: &BlockFault) -> Text {
    let code = "bad-cidr";
    match fault {
        BlockFault::MissingPrefixLength(address, width) => {
            text(code, format!("`{address}` has no prefix length"), format!("write `{address}/{width}`"))
        }
        BlockFault::Invalid(block) => text(
            code,
            format!("invalid CIDR block `{block}`"),
            "write an address, a slash and a prefix length, such as `10.0.0.0/8`",
        ),
        BlockFault::ExceptionOutside(block) => text(
            code,
            format!("`{block}` does not lie inside the block it is taken from"),
            "an exception must be part of its block",
        ),
        BlockFault::NotOneSource => text(
            code,
            "the item has no source of addresses, or several",
            "give exactly one of `cidr`, `cidrGroupRef` and `cidrGroupSelector`",
        ),
    }
}

pub(super) fn peer(fault: &PeerFault) -> Text {
    match fault {
        PeerFault::UnknownEntity(entity) => text(
            "unknown-entity",
            format!("unknown entity `{entity}`"),
            "use all, world, cluster, cluster-mesh, host, remote-node, kube-apiserver, health, init, ingress, \
             unmanaged or none; case counts",
        ),
        PeerFault::NodeLabelsOff => text(
            "option-needed",
            "selecting nodes by label is off",
            "set the option `nodeLabels` (agent: enable-node-selector-labels)",
        ),
        PeerFault::RequirementsRemoved => text(
            "removed-field",
            "this field was removed in Cilium 1.19",
            "remove it; write a deny entry, or say it in the endpoint selector",
        ),
        PeerFault::SeveralFields => text(
            "two-peers",
            "the entry names the other end in two ways",
            "write an entry of its own for each: entries are ORed",
        ),
        PeerFault::NameAndPattern => text(
            "two-names",
            "both `matchName` and `matchPattern` are set",
            "write an item of its own for each: items are ORed",
        ),
        PeerFault::InvalidName(reason) => text(
            "bad-name",
            invalid_name(*reason),
            "a name is ASCII without stars: for stars write `matchPattern`, for others punycode",
        ),
        PeerFault::InvalidPattern(reason) => text(
            "bad-name",
            invalid_name(*reason),
            "a pattern is a DNS name with `*`, at most 255 characters",
        ),
    }
}

/// Returns what is wrong with a name or a pattern.
pub(super) fn invalid_name(reason: InvalidName) -> String {
    format!("{reason}")
}
