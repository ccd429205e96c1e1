//! Temporary.
use palisade_cases::{find, run, CaseResult, InProcess};
fn main() {
    let paths: Vec<_> = std::env::args().skip(1).map(Into::into).collect();
    let files = find(&paths).unwrap();
    let t = std::time::Instant::now();
    let report = run(&files, &InProcess, &|_| {});
    let mut shown = 0;
    for f in &report.files {
        for c in &f.cases {
            if !c.passed() && !c.skipped() && shown < 60 { shown += 1; println!("{:?} {:?}", f.file, c); }
        }
    }
    for e in report.errors().iter().take(10) { println!("{e}"); }
    println!("{:?} {:?}", report.summary(), t.elapsed());
    let _ = |c: CaseResult| c;
}
