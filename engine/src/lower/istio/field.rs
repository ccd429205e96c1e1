//! The fields of a source and of an operation, each with the property that it restricts
//! (docs/semantics/istio.md#istio-source-fields, docs/semantics/istio.md#istio-operation-fields).

use super::{RuleContext, property::Property, value::Dropped};
use crate::{
    ir::{Field, Test},
    resource::istio::{Operation, Source},
};
use alloc::{string::String, vec::Vec};

/// A field with a list of values.
#[derive(Debug)]
pub(crate) struct ListField<T> {
    /// The path from the rule; see [`Field`].
    path: &'static str,
    /// Whether this is the `not` form.
    pub(crate) negated: bool,
    pub(crate) property: Property,
    values: fn(&T) -> &Option<Vec<String>>,
}

impl<T> ListField<T> {
    /// Returns the name of the field.
    pub(crate) fn name(&self) -> &'static str {
        Field::new(self.path).name()
    }

    /// Returns the values in `object`; an absent field has no values.
    pub(crate) fn values<'a>(&self, object: &'a T) -> &'a [String] {
        list((self.values)(object))
    }
}

macro_rules! fields {
    ($parent:literal, $($name:literal $values:ident, $not_name:literal $not_values:ident => $property:ident;)*) => {
        [$(
            ListField {
                path: concat!($parent, $name),
                negated: false,
                property: Property::$property,
                values: |object| &object.$values,
            },
            ListField {
                path: concat!($parent, $not_name),
                negated: true,
                property: Property::$property,
                values: |object| &object.$not_values,
            },
        )*]
    };
}

/// The fields of `from.source`, in the order in which istiod writes them.
pub(crate) static SOURCE_FIELDS: [ListField<Source>; 14] = fields! { "from[#].source.",
    "principals" principals, "notPrincipals" not_principals => Principal;
    "requestPrincipals" request_principals, "notRequestPrincipals" not_request_principals => RequestPrincipal;
    "serviceAccounts" service_accounts, "notServiceAccounts" not_service_accounts => ServiceAccount;
    "namespaces" namespaces, "notNamespaces" not_namespaces => Namespace;
    "trustDomains" trust_domains, "notTrustDomains" not_trust_domains => TrustDomain;
    "remoteIpBlocks" remote_ip_blocks, "notRemoteIpBlocks" not_remote_ip_blocks => RemoteIp;
    "ipBlocks" ip_blocks, "notIpBlocks" not_ip_blocks => SourceIp;
};

/// The fields of `to.operation`, in the order in which istiod writes them.
pub(crate) static OPERATION_FIELDS: [ListField<Operation>; 8] = fields! { "to[#].operation.",
    "hosts" hosts, "notHosts" not_hosts => Host;
    "methods" methods, "notMethods" not_methods => Method;
    "paths" paths, "notPaths" not_paths => Path;
    "ports" ports, "notPorts" not_ports => DestinationPort;
};

impl RuleContext<'_> {
    /// Returns the tests of the item `index` of a list, `object`, which has `fields`.
    pub(super) fn tests<T>(
        &self,
        fields: &[ListField<T>],
        index: u32,
        object: &T,
    ) -> Result<Vec<Test>, Dropped> {
        let mut tests = Vec::new();
        for field in fields {
            let values = field.values(object);
            let at = Field::new(field.path).index(index);
            tests.extend(self.test(&field.property, values, field.negated, at)?);
        }
        Ok(tests)
    }

    /// Returns the test of `property` with the `values` of `field`, or `None` if the field restricts nothing.
    pub(super) fn test(
        &self,
        property: &Property,
        values: &[String],
        negated: bool,
        field: Field,
    ) -> Result<Option<Test>, Dropped> {
        if values.is_empty() {
            return Ok(None);
        }
        let Some(predicate) = self.predicate(property, values)? else { return Ok(None) };
        let test = Test::new(predicate).at(field).written(values.iter().map(String::as_str));
        Ok(Some(if negated { test.negate() } else { test }))
    }
}

/// Returns the values of a list; an absent list has no values.
pub(super) fn list(values: &Option<Vec<String>>) -> &[String] {
    values.as_deref().unwrap_or_default()
}
