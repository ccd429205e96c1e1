//! `cargo xtask oci`: the module as an OCI image, as Istio and Envoy Gateway pull it, with a bill of materials.
//!
//! The image has Istio's compatible format: one layer, a gzipped tar with the file `plugin.wasm`. The bill of materials
//! (CycloneDX) is a referrer of the image. Neither contains the time or the place of the build.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::process::{ask, cargo};
use crate::{wasm, workspace};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CYCLONEDX: &str = "application/vnd.cyclonedx+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Write the image to this directory [default: target/oci]
    #[arg(long)]
    output: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let module = wasm::run(&wasm::Options::default())?;
    let wasm = fs::read(&module).with_context(|| format!("cannot read `{}`", module.display()))?;
    let folder = options.output.clone().unwrap_or_else(|| workspace::target_dir().join("oci"));
    let list = components()?;
    let digest = write(&folder, &wasm, &list)?;
    println!("{}: image {digest}", folder.display());
    println!("push it with: skopeo copy oci:{}:latest docker://REGISTRY/palisade-filter", folder.display());
    Ok(())
}

/// A blob of the layout, with the fields by which manifests refer to it.
struct Blobs<'a>(&'a Path);

impl Blobs<'_> {
    fn add(&self, media_type: &str, bytes: &[u8]) -> Result<Value> {
        let digest = format!("{:x}", Sha256::digest(bytes));
        let path = self.0.join("blobs/sha256").join(&digest);
        fs::write(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len()}))
    }

    fn add_json(&self, media_type: &str, value: &Value) -> Result<Value> {
        self.add(media_type, value.to_string().as_bytes())
    }
}

/// Writes the layout and returns the image's digest.
fn write(folder: &Path, wasm: &[u8], list: &Value) -> Result<String> {
    let blobs = Blobs(folder);
    fs::create_dir_all(folder.join("blobs/sha256"))
        .with_context(|| format!("cannot create `{}`", folder.display()))?;
    let tar = tar(wasm)?;
    let layer = blobs.add(LAYER, &gzip(&tar)?)?;
    let config = blobs.add_json(
        CONFIG,
        &json!({
            "architecture": "wasm", "os": "wasi", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{:x}", Sha256::digest(&tar))]},
        }),
    )?;
    let mut image = blobs.add_json(
        MANIFEST,
        &json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer],
            "annotations": {
                "org.opencontainers.image.title": "palisade-filter",
                "org.opencontainers.image.version": env!("CARGO_PKG_VERSION"),
                "org.opencontainers.image.licenses": "Apache-2.0",
            },
        }),
    )?;
    let referrer = blobs.add_json(
        MANIFEST,
        &json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": CYCLONEDX, "subject": image,
            "config": blobs.add(EMPTY, b"{}")?,
            "layers": [blobs.add_json(CYCLONEDX, list)?],
        }),
    )?;
    let digest = image.get("digest").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(fields) = image.as_object_mut() {
        fields.insert("annotations".to_owned(), json!({"org.opencontainers.image.ref.name": "latest"}));
    }
    let index = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [image, referrer],
    });
    fs::write(folder.join("index.json"), index.to_string())?;
    fs::write(folder.join("oci-layout"), json!({"imageLayoutVersion": "1.0.0"}).to_string())?;
    Ok(digest)
}

fn tar(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_size(u64::try_from(wasm.len())?);
    header.set_mode(0o644);
    header.set_mtime(0);
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_data(&mut header, "plugin.wasm", wasm)?;
    Ok(tar.into_inner()?)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    gzip.write_all(bytes)?;
    Ok(gzip.finish()?)
}

/// Returns the bill of materials: every crate in the module, as CycloneDX 1.5.
fn components() -> Result<Value> {
    let mut tree = cargo(&["tree", "--package", "palisade-filter", "--target", "wasm32-unknown-unknown"]);
    tree.args(["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}|{l}"]);
    let tree = ask(&mut tree).context("`cargo tree` does not list the module's crates")?;
    Ok(cyclonedx(&tree))
}

fn cyclonedx(tree: &str) -> Value {
    let mut lines: Vec<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    lines.sort_unstable();
    lines.dedup();
    let component = |line: &&str| {
        let (package, license) = line.split_once('|')?;
        let mut words = package.split(' ');
        let (name, version) = (words.next()?, words.next()?.trim_start_matches('v'));
        Some(json!({
            "type": "library", "name": name, "version": version,
            "purl": format!("pkg:cargo/{name}@{version}"),
            "licenses": [{"expression": license.trim_end_matches(" (*)")}],
        }))
    };
    let components: Vec<Value> = lines.iter().filter_map(component).collect();
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"component": {
            "type": "application", "name": "palisade_filter.wasm", "version": env!("CARGO_PKG_VERSION"),
        }},
        "components": components,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use oci_spec::image::{ImageConfiguration, ImageIndex, ImageManifest, MediaType};

    use super::*;

    fn list() -> Value {
        cyclonedx(
            "palisade v0.1.0 (/home/me/palisade/engine)|Apache-2.0\nserde v1.0.2|MIT OR Apache-2.0\nserde v1.0.2|MIT OR Apache-2.0 (*)",
        )
    }

    #[test]
    fn oci_library_reads_module_from_image() {
        let folder = tempfile::tempdir().unwrap();
        // The shipped module, if it has been built.
        let built = palisade_envoy::fetch::target_dir().join("wasm/palisade_filter.wasm");
        let shipped = fs::read(built).unwrap_or_else(|_| b"\0asm".to_vec());
        write(folder.path(), &shipped, &list()).unwrap();
        let blob =
            |digest: &str| folder.path().join("blobs/sha256").join(digest.trim_start_matches("sha256:"));

        let index = ImageIndex::from_file(folder.path().join("index.json")).unwrap();
        let image = &index.manifests()[0];
        let manifest = ImageManifest::from_file(blob(image.digest().as_ref())).unwrap();
        let config = ImageConfiguration::from_file(blob(manifest.config().digest().as_ref())).unwrap();
        let layer = &manifest.layers()[0];
        assert_eq!(*layer.media_type(), MediaType::ImageLayerGzip);
        let bytes = fs::read(blob(layer.digest().as_ref())).unwrap();
        assert_eq!(layer.size(), bytes.len() as u64);
        let mut archive = Vec::new();
        flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut archive).unwrap();
        assert_eq!(config.rootfs().diff_ids()[0], format!("sha256:{:x}", Sha256::digest(&archive)));
        let mut archive = tar::Archive::new(&archive[..]);
        let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.path().unwrap().to_str(), Some("plugin.wasm"));
        let mut module = Vec::new();
        entry.read_to_end(&mut module).unwrap();
        assert_eq!(module, shipped);

        let referrer = ImageManifest::from_file(blob(index.manifests()[1].digest().as_ref())).unwrap();
        assert_eq!(referrer.subject().as_ref().unwrap().digest(), image.digest());
    }

    #[test]
    fn images_of_one_module_are_identical() {
        let digest = || {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), b"\0asm", &list()).unwrap()
        };
        assert_eq!(digest(), digest());
    }

    #[test]
    fn bill_of_materials_lists_each_crate_once_without_path() {
        let list = list();
        assert_eq!(list["components"].as_array().unwrap().len(), 2);
        assert_eq!(list["components"][1]["purl"], "pkg:cargo/serde@1.0.2");
        assert!(!list.to_string().contains("/home"));
    }
}
