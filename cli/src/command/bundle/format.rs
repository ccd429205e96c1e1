//! The output formats of `palisade bundle`.

use clap::ValueEnum;

/// The object that contains the plugin configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// The plugin configuration alone.
    Json,
    /// Istio's WasmPlugin.
    IstioWasmPlugin,
    /// Istio's EnvoyFilter.
    IstioEnvoyFilter,
    /// A file for Envoy's listener discovery.
    EnvoyListener,
    /// Envoy Gateway's EnvoyExtensionPolicy.
    EnvoyGateway,
}

impl Format {
    /// Returns whether istiod builds the filter chain around the filter.
    pub(super) fn is_istio(self) -> bool {
        matches!(self, Self::IstioWasmPlugin | Self::IstioEnvoyFilter)
    }
}
