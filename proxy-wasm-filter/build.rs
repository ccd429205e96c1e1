//! Links the module with a maximum memory size. Envoy's own maximum is 1 GiB, and growth to that size stalls a worker.

/// The maximum memory size, far more than ten thousand rules need.
const MAX_MEMORY_BYTES: u32 = 256 << 20;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "wasm32") {
        println!("cargo::rustc-cdylib-link-arg=--max-memory={MAX_MEMORY_BYTES}");
    }
}
