//! What the schema rejects in a `toPorts` item, except its ports.

use super::{schema::Schema, text};
use crate::{
    lower::cilium::model::below,
    resource::cilium::{HttpRule, Listener, PortRule, TlsContext},
};
use alloc::format;

impl Schema {
    /// Checks the item at `path`, except its ports.
    pub(super) fn proxied(&mut self, rule: &PortRule, path: &str) {
        if let Some(listener) = &rule.listener {
            self.listener(listener, &below(path, "listener"));
        }
        for (field, context) in
            [("terminatingTLS", &rule.terminating_tls), ("originatingTLS", &rule.originating_tls)]
        {
            if let Some(context) = context {
                self.secret_of(context, &below(path, field));
            }
        }
        let Some(rules) = &rule.rules else { return };
        for (i, item) in rules.dns.iter().flatten().enumerate() {
            self.names(&item.match_name, &item.match_pattern, &format!("{path}.rules.dns[{i}]"));
        }
        for (i, item) in rules.http.iter().flatten().enumerate() {
            self.http(item, &format!("{path}.rules.http[{i}]"));
        }
    }

    fn listener(&mut self, listener: &Listener, path: &str) {
        if listener.name.as_deref().unwrap_or_default().is_empty() {
            self.reject(below(path, "name"), "the listener has no name", "name the listener");
        }
        let config = listener.envoy_config.as_ref();
        if config.and_then(|c| c.name.as_deref()).unwrap_or_default().is_empty() {
            let help = "name the CiliumEnvoyConfig or CiliumClusterwideEnvoyConfig that has the listener";
            self.reject(below(path, "envoyConfig.name"), "the listener names no configuration", help);
        }
        let kind = config.and_then(|c| c.kind.as_deref());
        if let Some(kind) =
            kind.filter(|k| !matches!(*k, "CiliumEnvoyConfig" | "CiliumClusterwideEnvoyConfig"))
        {
            let help = "use `CiliumEnvoyConfig` or `CiliumClusterwideEnvoyConfig`";
            self.reject(below(path, "envoyConfig.kind"), format!("kind `{kind}` has no listeners"), help);
        }
        if let Some(priority) = listener.priority.filter(|p| !(1..=100).contains(p)) {
            let message = format!("priority {priority} is not from 1 to 100");
            self.reject(below(path, "priority"), message, "use 1 to 100; lower comes first");
        }
    }

    fn secret_of(&mut self, context: &TlsContext, path: &str) {
        let name = context.secret.as_ref().and_then(|s| s.name.as_ref());
        if name.is_none() {
            self.reject(below(path, "secret"), "no secret is named", "name the Secret");
        }
    }

    fn http(&mut self, rule: &HttpRule, path: &str) {
        if let Some(host) = rule.host.as_deref().filter(|h| !text::is_idn_hostname(h)) {
            let message = format!("invalid host name `{host}`: the schema requires the format idn-hostname");
            let help =
                "an expression gets in only where the API server does not know the format, as today's do not";
            self.reject(below(path, "host"), message, help);
        }
        for (i, item) in rule.header_matches.iter().flatten().enumerate() {
            let at = format!("{path}.headerMatches[{i}]");
            if item.name.as_deref().unwrap_or_default().is_empty() {
                self.reject(below(&at, "name"), "the header has no name", "name the header");
            }
            let known = |m: &&str| matches!(*m, "LOG" | "ADD" | "DELETE" | "REPLACE");
            if let Some(mismatch) = item.mismatch.as_deref().filter(|m| !known(m)) {
                let message = format!("invalid action `{mismatch}`");
                self.reject(below(&at, "mismatch"), message, "use LOG, ADD, DELETE or REPLACE");
            }
            if item.secret.as_ref().is_some_and(|s| s.name.is_none()) {
                self.reject(below(&at, "secret"), "no secret is named", "name the Secret");
            }
        }
    }
}
