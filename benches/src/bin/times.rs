//! Measures the CPU time of decisions that only Palisade makes: the ten decisions of `cargo xtask cost`, requests of the
//! realistic mix one by one, and adversarial requests, compared with the median of the mix and with growing input.
//! `cargo xtask bench` runs it. `--quick` takes a tenth of the time.

use cpu_time::ThreadTime;
use palisade::PolicySet;
use palisade_benches::{
    adversarial::{self, Case},
    decisions, mix, principal,
    requests::{OwnedRequest, RequestParts, compile},
};
use std::{env, hint::black_box};

/// Measurements of each decision. The shortest counts, because other work can only make one longer.
const ROUNDS: u32 = 10;

/// Measures for about this number of seconds.
#[derive(Clone, Copy)]
struct Clock {
    seconds: f64,
}

impl Clock {
    fn new() -> Self {
        let quick = env::args().any(|argument| argument == "--quick");
        Self { seconds: if quick { 0.01 } else { 0.1 } }
    }

    fn best(self, set: &PolicySet, request: &OwnedRequest) -> f64 {
        let parts = RequestParts::new(request);
        let time = |count: u32| {
            let start = ThreadTime::now();
            for _ in 0..count {
                black_box(black_box(&parts).decide(black_box(set)));
            }
            start.elapsed().as_nanos() as f64 / f64::from(count)
        };
        // Long enough to make the time of reading the clock negligible.
        let once = time(1).max(20.0);
        let count = (self.seconds * 1e9 / f64::from(ROUNDS) / once).clamp(1.0, 1e6) as u32;
        (0..ROUNDS).map(|_| time(count)).fold(f64::INFINITY, f64::min)
    }
}

fn ten(clock: Clock) {
    println!("| decision, 1,000 rules | ns |\n|---|---:|");
    for decision in decisions::all() {
        decision.run(|set, parts| {
            println!("| {} | {:.0} |", decision.name, clock.best(set, decision.request()));
            parts.decide(set)
        });
    }
}

/// Prints the distribution of the requests of the mix and returns the median.
fn spread(clock: Clock, n: usize) -> f64 {
    let set = compile(mix::policies(n));
    // One of many requests, so a shorter measurement suffices.
    let clock = Clock { seconds: clock.seconds / 50.0 };
    let mut times: Vec<f64> = mix::requests(n, 500).iter().map(|request| clock.best(&set, request)).collect();
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    println!("| {n} | {:.0} | {:.0} | {:.0} | {:.0} |", at(0.25), at(0.5), at(0.99), at(1.0));
    at(0.5)
}

fn adversaries(clock: Clock, n: usize, median: f64) {
    for (name, policies, request) in adversarial::cases(n) {
        let time = clock.best(&compile(policies), &request);
        println!("| {name} | {time:.0} | {:.1} |", time / median);
    }
}

/// Prints the times for growing requests: twice the bytes may take twice the time.
fn growth(clock: Clock) {
    let row = |name: &str, set: &PolicySet, requests: [OwnedRequest; 3]| {
        let times = requests.map(|request| clock.best(set, &request));
        println!("| {name} | {:.0} | {:.0} | {:.0} |", times[0], times[1], times[2]);
    };
    let set = compile((0..10_000).map(principal::one));
    let path =
        |kib: usize| OwnedRequest { path: format!("/svc7/{}", "a/".repeat(kib << 9)), ..principal::hit(7) };
    row("a path that a rule allows: 16, 32, 64 KiB", &set, [16, 32, 64].map(path));
    let case = |name: &str| -> Case {
        let mut cases = adversarial::cases(1_000).into_iter();
        cases.find(|(known, _, _)| *known == name).expect("a known case")
    };
    let (_, policies, request) = case("1,000 headers");
    let first = |count: usize| OwnedRequest { headers: request.headers[..count].to_vec(), ..request.clone() };
    row("headers: 250, 500, 1,000", &compile(policies), [250, 500, 1000].map(first));
    let (_, policies, request) = case("a ladder with the method at every other step");
    let deep = |steps: usize| OwnedRequest { path: "/a".repeat(steps), ..request.clone() };
    row("steps of the ladder: 250, 500, 1,000", &compile(policies), [250, 500, 1000].map(deep));
}

fn main() {
    let clock = Clock::new();
    ten(clock);
    println!(
        "\n| mix, rules | a quarter below, ns | median | 99 % below | dearest of 500 |\n|---|---:|---:|---:|---:|"
    );
    spread(clock, 1_000);
    let median = spread(clock, 10_000);
    println!("\n| 10,000 rules | ns | times the median of the mix (target: at most 20) |\n|---|---:|---:|");
    adversaries(clock, 10_000, median);
    println!("\n| with the request's size | ns | | |\n|---|---:|---:|---:|");
    growth(clock);
}
