//! From resources to language-neutral rules. Everything specific to a policy language ends here.

pub(crate) mod cilium;
pub(crate) mod istio;
