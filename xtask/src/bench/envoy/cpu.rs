//! What a process has used of the CPU, by its own accounting, and where it runs.

use std::fs;

use anyhow::{Context, Result};

use crate::process::{ask, command};

/// Nanoseconds that all threads of a process have run.
pub(in crate::bench) fn used(process: u32) -> Result<u64> {
    let threads = format!("/proc/{process}/task");
    let mut sum: u64 = 0;
    for thread in fs::read_dir(&threads).with_context(|| format!("cannot read `{threads}`"))? {
        // A thread may end between the two.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        sum = sum.saturating_add(running(&text).context("a kernel without schedstat")?);
    }
    Ok(sum)
}

/// The first of three numbers: time on the CPU, time waiting for it, times it got it.
fn running(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

/// Puts Envoy on one core and whoever loads it on another, if there are two; moving between cores costs time. That it
/// fails, where there is no `taskset` for one, only makes figures spread more.
pub(super) fn pin(envoy: u32) {
    for (process, core) in [(envoy, "0"), (std::process::id(), "1")] {
        let process = process.to_string();
        if ask(command("taskset").args(["-a", "-p", "-c", core, &process])).is_none() {
            eprintln!("not pinned to core {core}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_is_time_on_the_cpu() {
        assert_eq!(running("123456 789 10\n"), Some(123_456));
        assert_eq!(running(""), None);
    }

    #[test]
    fn this_process_has_used_some() {
        assert!(used(std::process::id()).unwrap() > 0);
    }
}
