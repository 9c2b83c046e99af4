//! The file of a sweep, and the points that it comes to.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use clap::{CommandFactory, Parser};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::cli::Cli;

/// Points that a sweep may have: more are a mistake.
const POINTS: usize = 100_000;

/// The axis whose values are names of workloads.
const WORKLOAD: &str = "workload";

/// A sweep.
#[derive(Debug)]
pub struct Plan {
    /// Names of the axes, in the order in which points have them.
    pub axes: Vec<String>,
    /// Every combination.
    pub points: Vec<Point>,
}

/// A combination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Point {
    /// The value of each axis.
    pub axes: BTreeMap<String, String>,
    /// What `vhart bench` is told, up to the machine's options.
    pub words: Vec<String>,
    /// Options of `vhart exec`.
    pub machine: Vec<String>,
    /// Of everything that results depend on.
    pub digest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    bench: Vec<String>,
    #[serde(default)]
    axes: BTreeMap<String, Vec<toml::Value>>,
}

/// What the values of an axis are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Workload,
    Bench,
    Machine,
}

impl Plan {
    /// Reads a file, for this vhart.
    ///
    /// # Errors
    /// A sentence with the file's name and what is wrong in it: before anything is run, every point's words are read as
    /// the commands will read them.
    pub fn read(path: &Path, program: &Path) -> Result<Plan> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read '{name}'"))?;
        let bytes = std::fs::read(program).with_context(|| format!("cannot read '{}'", program.display()))?;
        Plan::parse(&text, &Sha256::digest(bytes)).with_context(|| format!("'{name}' is no sweep"))
    }

    fn parse(text: &str, program: &[u8]) -> Result<Plan> {
        let file: File = toml::from_str(text).map_err(|error| anyhow::anyhow!("{}", place(text, &error)))?;
        ensure!(!file.bench.is_empty() || !file.axes.is_empty(), "it has neither axes nor words for vhart bench");
        let kinds = file.axes.keys().map(|name| kind(name)).collect::<Result<Vec<_>>>()?;
        let count = file.axes.values().try_fold(1usize, |count, values| count.checked_mul(values.len()));
        ensure!(count.is_some_and(|count| count <= POINTS), "it has more than {POINTS} points");
        let mut points = vec![Vec::new()];
        for (name, values) in &file.axes {
            let values = texts(name, values)?;
            let with = |point: &Vec<String>| {
                values.iter().map(|value| [&point[..], std::slice::from_ref(value)].concat()).collect()
            };
            points = points.iter().flat_map(|point| -> Vec<Vec<String>> { with(point) }).collect();
        }
        let axes: Vec<String> = file.axes.into_keys().collect();
        let point = |values: Vec<String>| Point::new(&file.bench, &axes, &kinds, &values, program);
        let points = points.into_iter().map(point).collect::<Result<Vec<_>>>()?;
        Ok(Plan { axes, points })
    }

    /// Whether any point measures times.
    pub fn has_times(&self) -> bool {
        self.points.iter().any(|point| !point.words.iter().any(|word| word == "--counts"))
    }
}

impl Point {
    fn new(bench: &[String], axes: &[String], kinds: &[Kind], values: &[String], program: &[u8]) -> Result<Point> {
        // what is behind a '--' of the file is the machine's already
        let split = bench.iter().position(|word| word == "--").unwrap_or(bench.len());
        let mut words = bench[..split].to_vec();
        let mut machine = bench.get(split + 1..).unwrap_or_default().to_vec();
        for ((name, kind), value) in axes.iter().zip(kinds).zip(values) {
            match kind {
                Kind::Workload => words.push(value.clone()),
                Kind::Bench => words.extend(option(name, value)),
                Kind::Machine => machine.extend(option(name, value)),
            }
        }
        let axes = axes.iter().cloned().zip(values.iter().cloned()).collect();
        let digest = digest(program, &words, &machine);
        let point = Point { axes, words, machine, digest };
        point.check().with_context(|| format!("point {}", point.name()))?;
        Ok(point)
    }

    /// Its values, for people.
    pub fn name(&self) -> String {
        let values: Vec<String> = self.axes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if values.is_empty() { "(the only one)".to_owned() } else { values.join(" ") }
    }

    /// An error unless both commands understand it.
    fn check(&self) -> Result<()> {
        let [bench, exec] = [("bench", &self.words, &[][..]), ("exec", &self.machine, &["--", "true"])].map(
            |(command, words, rest)| {
                ["vhart", command]
                    .into_iter()
                    .chain(words.iter().map(String::as_str))
                    .chain(rest.iter().copied())
                    .collect::<Vec<_>>()
            },
        );
        for words in [bench, exec] {
            if let Err(error) = Cli::try_parse_from(words) {
                let text = error.to_string();
                bail!("{}", text.lines().next().unwrap_or_default().trim_start_matches("error: "));
            }
        }
        let own = self
            .words
            .iter()
            .find(|word| ["--json", "--resume", "--report", "--compare", "--list"].contains(&word.as_str()));
        own.map_or(Ok(()), |word| bail!("{word} is not for a sweep, which has results of its own"))
    }
}

/// What went wrong where, in a line.
fn place(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    match line {
        Some(line) => format!("line {line}: {}", error.message()),
        None => error.message().to_owned(),
    }
}

/// What an axis of this name is: the commands themselves say which options they have.
fn kind(name: &str) -> Result<Kind> {
    let cli = Cli::command();
    let has = |command: &str| {
        let command = cli.find_subcommand(command);
        command.is_some_and(|command| command.get_arguments().any(|argument| argument.get_long() == Some(name)))
    };
    match name {
        WORKLOAD => Ok(Kind::Workload),
        _ if has("bench") => Ok(Kind::Bench),
        _ if has("exec") => Ok(Kind::Machine),
        _ => bail!("axis {name}: neither vhart bench nor vhart exec has --{name}"),
    }
}

/// Values as words, each of them once.
fn texts(axis: &str, values: &[toml::Value]) -> Result<Vec<String>> {
    let mut texts: Vec<String> = Vec::new();
    for value in values {
        let text = text(axis, value)?;
        ensure!(!texts.contains(&text), "axis {axis} has {text} twice");
        texts.push(text);
    }
    ensure!(!texts.is_empty(), "axis {axis} has no values");
    Ok(texts)
}

/// A value as an option has it.
fn text(axis: &str, value: &toml::Value) -> Result<String> {
    Ok(match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Float(number) => number.to_string(),
        toml::Value::Boolean(on) => on.to_string(),
        _ => bail!("axis {axis}: values are texts, numbers, or true and false"),
    })
}

/// An option with its value; one that is there or not where the value is true or false.
fn option(name: &str, value: &str) -> Vec<String> {
    match value {
        "true" => vec![format!("--{name}")],
        "false" => Vec::new(),
        _ => vec![format!("--{name}"), value.to_owned()],
    }
}

/// Sixteen digits of a hash of this program, the words, and what is in the files that they name.
fn digest(program: &[u8], words: &[String], machine: &[String]) -> String {
    let mut hash = Sha256::new();
    hash.update(program);
    for word in words.iter().map(String::as_str).chain(["--"]).chain(machine.iter().map(String::as_str)) {
        hash.update((word.len() as u64).to_le_bytes());
        hash.update(word);
        if let Ok(bytes) = std::fs::read(word) {
            hash.update(Sha256::digest(bytes));
        }
    }
    hex::encode(&hash.finalize()[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Result<Plan> {
        Plan::parse(text, b"program")
    }

    fn refusal(text: &str) -> String {
        format!("{:#}", plan(text).unwrap_err())
    }

    #[test]
    fn axes_combine_and_go_to_the_command_that_has_them() {
        let plan = plan(
            "bench = ['--quick']\n[axes]\nisa = ['rv64', 'rv64,sstc=off']\nworkload = ['sort', 'kernel']\ncounts = [true, false]\nharts = [2]\n",
        );
        let plan = plan.unwrap();
        assert_eq!((plan.axes.join(" "), plan.points.len()), ("counts harts isa workload".into(), 8));
        let first = &plan.points[0];
        assert_eq!(first.words, ["--quick", "--counts", "sort"]);
        assert_eq!(first.machine, ["--harts", "2", "--isa", "rv64"]);
        assert_eq!(first.name(), "counts=true harts=2 isa=rv64 workload=sort");
        assert_eq!(plan.points[7].words, ["--quick", "kernel"]);
        assert!(plan.has_times());
        let digests: std::collections::BTreeSet<_> = plan.points.iter().map(|point| &point.digest).collect();
        assert_eq!(digests.len(), 8);
    }

    #[test]
    fn a_sweep_without_axes_is_one_point() {
        let plan = plan("bench = ['sort', '--counts', '--', '--isa', 'rv64']").unwrap();
        assert_eq!((plan.points.len(), plan.points[0].name()), (1, "(the only one)".into()));
        assert_eq!((&plan.points[0].words[..], plan.has_times()), (&["sort".to_owned(), "--counts".into()][..], false));
        assert_eq!(plan.points[0].machine, ["--isa", "rv64"]);
    }

    #[test]
    fn a_digest_is_of_program_words_and_files() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("kernel").display().to_string();
        let of = |program: &[u8]| digest(program, &["--x".into(), file.clone()], &[]);
        let without = of(b"one");
        std::fs::write(&file, "a").unwrap();
        let with = of(b"one");
        std::fs::write(&file, "b").unwrap();
        let all = [without, with, of(b"one"), of(b"two"), digest(b"one", &[], &["--x".into(), file.clone()])];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 5, "{all:?}");
    }

    #[test]
    fn what_is_wrong_is_said_before_anything_runs() {
        assert_eq!(refusal("[axes]\nnosuch = [1]"), "axis nosuch: neither vhart bench nor vhart exec has --nosuch");
        assert_eq!(refusal("# later\n[axes]\n"), "it has neither axes nor words for vhart bench");
        assert_eq!(refusal("[axes]\nharts = []"), "axis harts has no values");
        assert_eq!(refusal("[axes]\nharts = [1, 1]"), "axis harts has 1 twice");
        assert_eq!(refusal("[axes]\nharts = [[1]]"), "axis harts: values are texts, numbers, or true and false");
        assert!(refusal("[axes]\nharts = [1, 'many']").starts_with("point harts=many: invalid value 'many'"));
        assert!(refusal("[axes]\nworkload = ['nosuch']").contains("there is no such workload"));
        assert_eq!(
            refusal("bench = ['--json', 'x']"),
            "point (the only one): --json is not for a sweep, which has results of its own"
        );
        assert_eq!(refusal("\nbenches = []").split(',').next(), Some("line 2: unknown field `benches`"));
        let axis =
            |name: &str| format!("{name} = [{}]\n", (1..=20).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
        let many = ["harts", "memory", "rounds", "timeout"].map(axis).concat();
        assert_eq!(refusal(&format!("[axes]\n{many}")), "it has more than 100000 points");
    }
}
