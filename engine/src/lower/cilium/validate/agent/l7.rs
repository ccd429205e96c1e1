//! Messages about L7 rules, TLS fields and listeners.

use super::{
    super::super::model::L7Fault,
    peers::invalid_name,
    text::{Text, text},
};
use alloc::format;

pub(super) fn l7(fault: &L7Fault) -> Text {
    match fault {
        L7Fault::ListenerOnIngress => {
            text("listener-on-ingress", "a listener is valid only in egress", "write it in egress")
        }
        L7Fault::ListenerWithRules => {
            text("listener-with-rules", "a listener and L7 rules are both set", "keep one of the two")
        }
        L7Fault::ListenerOfNamespace => text(
            "listener-scope",
            "a policy of the whole cluster names a listener of one namespace",
            "name a CiliumClusterwideEnvoyConfig",
        ),
        L7Fault::SeveralParsers(parsers) => text(
            "two-parsers",
            format!("rules of several parsers are in one item: {}", parsers.join(", ")),
            "write an item of `toPorts` of its own for each",
        ),
        L7Fault::DnsOnIngress => text(
            "dns-on-ingress",
            "DNS rules are valid only in egress",
            "names are asked for by the source: write the rule in its egress",
        ),
        L7Fault::DnsWithoutPort => {
            text("l7-without-port", "DNS rules without a port", "list the port: usually 53")
        }
        L7Fault::DnsOnRange => text("l7-range", "DNS rules on a range of ports", "name one port"),
        L7Fault::NodeIngress => text("l7-on-host", "rules of a proxy on the ingress of nodes", NODES),
        L7Fault::NodeHttp => text("l7-on-host", "HTTP rules on the egress of nodes", NODES),
        L7Fault::Protocol(protocol) => {
            let message = if protocol.is_empty() {
                "these rules go with TCP, not with any protocol".into()
            } else {
                format!("these rules go with TCP, not with `{protocol}`")
            };
            text("l7-protocol", message, "write `protocol: TCP`")
        }
        L7Fault::EveryPort => text("l7-port-0", "rules of a proxy on every port", "name the port"),
        L7Fault::ServerNamesWithRules => text(
            "sni-with-rules",
            "server names with L7 rules require `terminatingTLS`",
            "add `terminatingTLS`, or write two items: the proxy cannot read what TLS hides",
        ),
        L7Fault::EmptyServerName => {
            text("bad-name", "an empty server name", "name a server, or remove the item")
        }
        L7Fault::InvalidServerName(reason) => {
            text("bad-name", invalid_name(*reason), "a server name is a DNS name, with `*` in its labels")
        }
        L7Fault::StarInServerName(name) => text(
            "bad-name",
            format!("`{name}` has a star inside"),
            "before Cilium 1.20 a star may only be the whole first label",
        ),
        L7Fault::InvalidRegex(regex, reason) => text(
            "bad-regex",
            format!("`{regex}`: {reason}"),
            "it is a regular expression of RE2, over the whole value",
        ),
        L7Fault::HeaderWithoutName => text("bad-header", "the header has no name", "name the header"),
        L7Fault::InvalidMismatchAction(action) => text(
            "bad-header",
            format!("invalid action `{action}`"),
            "use LOG, ADD, DELETE or REPLACE, or leave it out: then the rule does not match",
        ),
        L7Fault::SecretWithoutName => text("bad-header", "no secret is named", "name the Secret"),
        L7Fault::KafkaRoleAndApiKey => {
            text("bad-kafka", "`role` and `apiKey` are both set", "remove one of the two")
        }
        L7Fault::UnknownKafkaRole => text("bad-kafka", "no such role", "use `produce` or `consume`"),
        L7Fault::InvalidKafkaTopic => {
            text("bad-kafka", "invalid topic", "a topic has at most 255 letters, digits, `.`, `_` and `-`")
        }
        L7Fault::MissingParser => text("no-parser", "`l7` without `l7proto`", "name the parser"),
        L7Fault::EmptyL7Key => text("bad-l7", "an empty key", "name the key"),
    }
}

const NODES: &str = "nodes are guarded at L3 and L4 only; on egress DNS rules are known too";
