//! The location of the module, in the notation of each format.

use crate::failure::Failure;
use serde_json::{Value, json};

/// The default location of the module in the proxy.
const FILE: &str = "/etc/palisade/palisade_filter.wasm";

/// The value of `--module`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Module<'a>(pub(super) Option<&'a str>);

impl Module<'_> {
    /// Returns the file of the proxy, for formats with Envoy's own configuration.
    pub(super) fn file(self) -> Result<String, Failure> {
        match self.0.map(|module| (module, module.split_once("://"))) {
            None => Ok(FILE.to_owned()),
            Some((_, Some(("file", path)))) => Ok(path.to_owned()),
            Some((path, None)) => Ok(path.to_owned()),
            Some((url, Some(_))) => Err(Failure::argument(
                format!("`--module {url}` is not a file, and this format needs a file of the proxy"),
                "mount the module into the proxy and name its path",
            )),
        }
    }

    /// Returns the file of the proxy with an absolute path.
    pub(super) fn absolute_file(self) -> Result<String, Failure> {
        let file = self.file()?;
        match file.starts_with('/') {
            true => Ok(file),
            false => Err(relative(&file)),
        }
    }

    /// Returns the `url` of a WasmPlugin.
    pub(super) fn url(self) -> Result<String, Failure> {
        let module = self.required()?;
        match module.split_once("://") {
            Some(("oci" | "http" | "https" | "file", _)) => Ok(module.to_owned()),
            Some((scheme, _)) => Err(Failure::argument(
                format!("unknown scheme `{scheme}` in `--module {module}`"),
                "Istio reads oci://, https://, http:// and file://",
            )),
            None if module.starts_with('/') => Ok(format!("file://{module}")),
            None if is_path(module) => Err(relative(module)),
            None => Ok(format!("oci://{module}")),
        }
    }

    /// Returns the `code` of a wasm extension of Envoy Gateway.
    pub(super) fn code(self) -> Result<Value, Failure> {
        let module = self.required()?;
        match module.split_once("://") {
            Some(("oci", image)) => Ok(json!({"type": "Image", "image": {"url": image}})),
            Some(("http" | "https", _)) => Ok(json!({"type": "HTTP", "http": {"url": module}})),
            None if !is_path(module) => Ok(json!({"type": "Image", "image": {"url": module}})),
            _ => Err(Failure::argument(
                format!(
                    "`--module {module}` is a file, and Envoy Gateway reads images and HTTP addresses only"
                ),
                "push the image that `cargo xtask oci` writes, and name it: --module oci://REGISTRY/IMAGE:TAG",
            )),
        }
    }

    /// Returns the location. There is no default, because a proxy denies every request if the image does not exist.
    fn required(&self) -> Result<&str, Failure> {
        self.0.ok_or_else(|| {
            Failure::argument(
                "missing `--module`: a proxy that cannot fetch the module denies every request",
                "name the image or the file: --module oci://REGISTRY/IMAGE:TAG",
            )
        })
    }
}

fn is_path(module: &str) -> bool {
    module.starts_with(['/', '.']) || module.ends_with(".wasm")
}

fn relative(path: &str) -> Failure {
    Failure::argument(
        format!("`--module {path}` is a relative path, and the proxy has another working directory"),
        "give the absolute path of the module in the proxy",
    )
}
