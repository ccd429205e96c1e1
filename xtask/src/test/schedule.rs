//! The order in which steps start: at most two at a time, and never two with a common lock.
//!
//! Cargo locks a build directory for the whole build, and rustup and apt lock their state. A step that waits for such a
//! lock leaves a processor idle, so the schedule starts another step instead.

use std::collections::BTreeSet;

use super::steps::{Lock, Step};

/// The steps that have not started, in order of preference, and those that run.
#[derive(Debug)]
pub(super) struct Schedule<'s> {
    waiting: Vec<&'s Step>,
    running: Vec<&'s Step>,
    ended: BTreeSet<&'static str>,
}

impl<'s> Schedule<'s> {
    /// A schedule in which no step has started.
    pub(super) fn new(steps: impl IntoIterator<Item = &'s Step>) -> Self {
        Self { waiting: steps.into_iter().collect(), running: Vec::new(), ended: BTreeSet::new() }
    }

    /// Starts and returns the first step whose predecessors have ended and whose locks are free.
    ///
    /// Returns `None` if every such step has started; after the next [`Schedule::end`] there may be another one.
    pub(super) fn start(&mut self) -> Option<&'s Step> {
        let locked: BTreeSet<Lock> = self.running.iter().flat_map(|step| step.locks).copied().collect();
        let waiting: BTreeSet<&str> = self.waiting.iter().map(|step| step.name).collect();
        let is_ready = |step: &&Step| {
            let is_free = !step.locks.iter().any(|lock| locked.contains(lock));
            // A predecessor that is not part of the run counts as ended.
            let is_next = step.after.iter().all(|name| {
                self.ended.contains(name)
                    || !waiting.contains(name) && !self.running.iter().any(|step| step.name == *name)
            });
            is_free && is_next
        };
        let index = self.waiting.iter().position(is_ready)?;
        let step = self.waiting.remove(index);
        self.running.push(step);
        Some(step)
    }

    /// Records that `step` has ended. Later steps start even if it failed.
    pub(super) fn end(&mut self, step: &Step) {
        self.running.retain(|running| running.name != step.name);
        self.ended.insert(step.name);
    }
}

#[cfg(test)]
mod tests {
    use super::super::steps::{ALWAYS, LONG_ONLY};
    use super::*;

    fn step(name: &'static str, locks: &'static [Lock], after: &'static [&'static str]) -> Step {
        Step { name, run: |_| Ok(crate::test::context::StepOutcome::Passed), locks, after }
    }

    fn name(step: Option<&Step>) -> Option<&'static str> {
        step.map(|step| step.name)
    }

    #[test]
    fn locked_step_waits_and_a_later_one_starts() {
        let steps = [
            step("a", &[Lock::Debug], &[]),
            step("b", &[Lock::Debug, Lock::Toolchain], &[]),
            step("c", &[Lock::Wasm], &[]),
        ];
        let mut schedule = Schedule::new(&steps);
        assert_eq!(name(schedule.start()), Some("a"));
        assert_eq!(name(schedule.start()), Some("c"));
        assert_eq!(name(schedule.start()), None);
        schedule.end(&steps[0]);
        assert_eq!(name(schedule.start()), Some("b"));
        assert_eq!(name(schedule.start()), None);
    }

    #[test]
    fn step_starts_after_its_predecessors_have_ended() {
        let steps = [step("a", &[], &[]), step("b", &[], &["a", "not in this run"])];
        let mut schedule = Schedule::new(&steps);
        assert_eq!(name(schedule.start()), Some("a"));
        assert_eq!(name(schedule.start()), None);
        schedule.end(&steps[0]);
        assert_eq!(name(schedule.start()), Some("b"));
    }

    #[test]
    fn every_step_runs_once_and_every_predecessor_exists() {
        let steps: Vec<&Step> = ALWAYS.iter().chain(&LONG_ONLY).collect();
        let names: BTreeSet<&str> = steps.iter().map(|step| step.name).collect();
        assert_eq!(names.len(), steps.len());
        let mut schedule = Schedule::new(steps.iter().copied());
        let mut started = BTreeSet::new();
        while let Some(step) = schedule.start() {
            assert!(step.after.iter().all(|name| names.contains(name) && started.contains(name)), "{step:?}");
            started.insert(step.name);
            schedule.end(step);
        }
        assert_eq!(started, names);
    }
}
