//! What a program that is a kernel says: a line `NAME NANOSECONDS COUNT` for each operation (`guest/switches`).

use workloads::Need;

use super::model::Outcome;

/// Its names that are not the workloads'.
const NAMES: [(&str, &str); 5] = [
    ("illegal-instruction", "illegal"),
    ("rdcycle", "csr-trap"),
    ("wfi-wakes-late", "wfi-late"),
    ("touch-4k", "fault-4k"),
    ("touch-2m", "fault-2m"),
];

/// Whether a kernel measures this workload.
pub fn has(name: &str) -> bool {
    workloads::find(name).is_some_and(|workload| workload.needs == Some(Need::Kernel))
}

/// What a line says, if it is of an operation: the time is that of one.
pub fn outcome(line: &str) -> Option<Outcome> {
    let mut words = line.split_whitespace();
    let (said, nanoseconds, count) = (words.next()?, words.next()?, words.next()?);
    let name = NAMES.iter().find(|(theirs, _)| *theirs == said).map_or(said, |(_, ours)| ours);
    let (seconds, iterations) = (nanoseconds.parse::<f64>().ok()? / 1e9, count.parse().ok()?);
    let whole = words.next().is_none() && has(name);
    whole.then(|| Outcome { workload: name.to_owned(), iterations, seconds: Some(seconds), ..Outcome::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_operations_are_told_from_others() {
        let outcome_of = |line| outcome(line).map(|outcome| (outcome.workload, outcome.iterations, outcome.seconds));
        assert_eq!(outcome_of("sbi-null 193.44 524288"), Some(("sbi-null".into(), 524_288, Some(193.44 / 1e9))));
        assert_eq!(outcome_of("touch-4k 1000.00 4096"), Some(("fault-4k".into(), 4096, Some(1e-6))));
        for line in ["sscratch-write 0.31 1", "sbi-null many 1", "a b c", "sbi-null 1 2 3", "", "sort 1.0 2"] {
            assert_eq!(outcome_of(line), None, "{line}");
        }
    }
}
