//! Operations that a program measures which is a kernel (`guest/switches`).

use super::model::Outcome;
use super::testbed::Testbed;

/// Its names that are not the workloads'.
const NAMES: [(&str, &str); 8] = [
    ("msi-self-running", "msi-self"),
    ("notice-completion", "completion"),
    ("ipi", "sbi-ipi"),
    ("illegal-instruction", "illegal"),
    ("rdcycle", "csr-trap"),
    ("wfi-wakes-late", "wfi-late"),
    ("touch-4k", "fault-4k"),
    ("touch-2m", "fault-2m"),
];

/// What came of an operation, whose time is that of one, if it is a workload.
pub fn outcome(said: &str, seconds: f64, iterations: u64) -> Option<Outcome> {
    let name = NAMES.iter().find(|(theirs, _)| *theirs == said).map_or(said, |(_, ours)| ours);
    Testbed::of(name).kernel()?;
    Some(Outcome { workload: name.to_owned(), iterations, seconds: Some(seconds), ..Outcome::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_workloads_by_their_names() {
        let outcome_of = |name| outcome(name, 1e-6, 4096).map(|outcome| (outcome.workload, outcome.seconds));
        assert_eq!(outcome_of("sbi-null"), Some(("sbi-null".into(), Some(1e-6))));
        assert_eq!(outcome_of("touch-4k"), Some(("fault-4k".into(), Some(1e-6))));
        assert_eq!(outcome_of("notice-completion"), Some(("completion".into(), Some(1e-6))));
        assert_eq!((outcome_of("sscratch-write"), outcome_of("sort")), (None, None));
    }
}
