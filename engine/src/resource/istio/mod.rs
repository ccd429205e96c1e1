//! Istio's security resources, and the parts of its networking resources and mesh settings on which decisions depend.

mod attachment;
mod authorization_policy;
mod gateway;
mod mesh;
mod peer_authentication;
mod request_authentication;

pub use attachment::{TargetRef, WorkloadSelector};
pub use authorization_policy::{
    Action, AuthorizationPolicySpec, Condition, ExtensionProvider, From, Operation, Rule, Source, To,
};
pub use gateway::{GatewayApiListener, GatewayApiSpec, GatewayServer, GatewaySpec, ServerPort, ServerTls};
pub use mesh::{CaCertificate, MeshConfig, PathNormalization, Provider, UnknownPathNormalization};
pub(crate) use mesh::{PROXY_CONFIG, trusted_proxies};
pub use peer_authentication::{MutualTls, MutualTlsMode, PeerAuthenticationSpec};
pub use request_authentication::{ClaimToHeader, JwtHeader, JwtRule, Presence, RequestAuthenticationSpec};

pub use self::service_entry::ServiceEntrySpec;
mod service_entry;
