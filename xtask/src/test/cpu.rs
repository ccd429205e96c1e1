//! CPU time of this process and of the programs that it ran.

use nix::sys::resource::{UsageWho, getrusage};

/// Returns the CPU seconds (user and system) of this process and of every descendant that has ended and was waited for.
///
/// A process that still runs, such as an Envoy that a later step stops, counts when it ends.
pub(super) fn seconds() -> f64 {
    let of = |who| {
        getrusage(who).map_or(0.0, |usage| {
            let (user, system) = (usage.user_time(), usage.system_time());
            (user.tv_sec() + system.tv_sec()) as f64 + (user.tv_usec() + system.tv_usec()) as f64 / 1e6
        })
    };
    of(UsageWho::RUSAGE_SELF) + of(UsageWho::RUSAGE_CHILDREN)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn ended_child_process_adds_its_cpu_time() {
        let before = seconds();
        Command::new("sh").args(["-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"]).status().unwrap();
        assert!(seconds() > before);
    }
}
