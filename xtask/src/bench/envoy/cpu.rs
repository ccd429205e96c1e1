//! The CPU time of a process, and the core on which it runs.

use std::fs;

use anyhow::{Context, Result};

use crate::process::{ask, command};

/// Returns the CPU time of all threads of a process in nanoseconds.
pub(in crate::bench) fn used(process: u32) -> Result<u64> {
    let threads = format!("/proc/{process}/task");
    let mut sum: u64 = 0;
    for thread in fs::read_dir(&threads).with_context(|| format!("cannot read `{threads}`"))? {
        // The thread may have ended in the meantime.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        sum = sum.saturating_add(running(&text).context("the kernel has no schedstat")?);
    }
    Ok(sum)
}

/// Returns the first of the three numbers in `schedstat`: time on the CPU, time in the run queue, number of time slices.
fn running(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

/// Pins Envoy to one core and this process to another, because a move between cores costs time. If this fails, for example
/// because `taskset` is missing, the figures only vary more.
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
    fn first_number_of_schedstat_is_cpu_time() {
        assert_eq!(running("123456 789 10\n"), Some(123_456));
        assert_eq!(running(""), None);
    }

    #[test]
    fn cpu_time_of_this_process_is_not_zero() {
        assert!(used(std::process::id()).unwrap() > 0);
    }
}
