//! `cargo xtask`: the tasks of this repository that need more than one cargo command.

mod bench;
mod cost;
mod dependencies;
mod differential;
mod envoy;
mod exports;
mod fuzz;
mod no_std;
mod oci;
mod process;
mod published;
mod spelling;
mod test;
mod toolchain;
mod wasm;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Tasks of this repository that need more than one cargo command")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run every check that continuous integration runs
    Test(test::Arguments),
    /// Compare Palisade with other engines: a table, and a chart of the time against the number of rules
    Bench(bench::Options),
    /// Count the instructions of ten decisions and compare them with the committed counts
    Cost(cost::Options),
    /// Build the filter to target/wasm/palisade_filter.wasm
    Wasm(wasm::Options),
    /// Build the filter in two directories and compare the results
    Reproduce(wasm::Options),
    /// Build the filter and write it as an OCI image
    Oci(oci::Options),
    /// Build the engine for a target without std
    NoStd(no_std::Options),
    /// Run a real Envoy with the filter, two policies and mutual TLS
    Envoy(envoy::Options),
    /// Compare the engine with native RBAC in Envoy on random policies and requests
    Differential(differential::Options),
    /// Check licences, sources, banned and unused dependencies
    Dependencies,
    /// Check the spelling of code, documents and case files
    Spelling,
    /// Package each published crate and build it from its package, with each combination of features
    Package,
    /// Run each fuzz target for some time
    Fuzz(fuzz::Options),
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Test(arguments) => return test::run(&arguments),
        Task::Bench(options) => bench::run(&options),
        Task::Cost(options) => cost::run_or_reason(&options).map(|reason| {
            if let Some(reason) = reason {
                println!("not run: {reason}");
            }
        }),
        Task::Wasm(options) => wasm::run(&options).map(drop),
        Task::Reproduce(options) => wasm::reproduce(&options),
        Task::Oci(options) => oci::run(&options),
        Task::NoStd(options) => no_std::run(&options).map(drop),
        Task::Envoy(options) => envoy::run(&options),
        Task::Differential(options) => differential::run(&options),
        Task::Dependencies => dependencies::check(),
        Task::Spelling => spelling::check(),
        Task::Package => published::check(),
        Task::Fuzz(options) => fuzz::run_all(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
