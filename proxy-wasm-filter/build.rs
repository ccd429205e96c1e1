//! Links the module with a memory maximum: Envoy has none of its own below 1 GiB, and growing there stalls a worker.

/// Ten thousand rules need a small part of it.
const MAX_MEMORY_BYTES: u32 = 256 << 20;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "wasm32") {
        println!("cargo::rustc-cdylib-link-arg=--max-memory={MAX_MEMORY_BYTES}");
    }
}
