//! What was measured, as the file of `--json` has it (`docs/bench.schema.json`).

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::testbed::Testbed;

/// What the file says it is.
const FORMAT: &str = "vhart bench";
/// Number of the schema. It grows where something changes its meaning or goes away.
pub const VERSION: u64 = 1;

/// All that was measured in one go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    format: String,
    version: u64,
    /// Where.
    pub environment: Environment,
    /// What was asked for.
    pub settings: Settings,
    /// Each run of a place, in the order in which they ran.
    pub runs: Vec<Invocation>,
}

/// The computer and the software.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// vhart's version.
    pub vhart: String,
    /// The processor's name.
    pub processor: String,
    /// Processors that this process may use.
    pub processors: u64,
    /// The system.
    pub system: String,
    /// How many processes wanted to run in the minute before: times are worth less where this is above 0.
    pub load: f64,
    /// When it began, in seconds since 1970.
    pub began: u64,
    /// SHA-256 of the riscv64 program.
    pub workloads_sha256: String,
    /// The other emulator.
    pub peer: Option<String>,
}

/// What results must have in common to be compared or gone on with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Names of workloads.
    pub workloads: Vec<String>,
    /// Names of places.
    pub places: Vec<String>,
    /// Runs of each place.
    pub rounds: u32,
    /// A workload did one of so many parts of its iterations.
    pub part: u64,
    /// Runs were deterministic: counts are exact, times mean nothing.
    pub counts: bool,
    /// More options of `vhart exec`.
    pub options: Vec<String>,
}

impl Settings {
    /// The workloads that this testbed is for.
    pub fn on(&self, testbed: Testbed) -> Vec<String> {
        self.workloads.iter().filter(|name| Testbed::of(name) == testbed).cloned().collect()
    }
}

/// The workloads once, in one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Invocation {
    /// The place's name.
    pub place: String,
    /// From 0.
    pub round: u32,
    /// How long it took, with booting.
    pub seconds: f64,
    /// Why it did not come to its end, where it did not.
    pub failed: Option<String>,
    /// By workload.
    pub outcomes: Vec<Outcome>,
}

/// A workload, once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Its name.
    pub workload: String,
    /// How often it did its work.
    pub iterations: u64,
    /// Why there are no times.
    pub failed: Option<String>,
    /// What the place has not that it needs.
    #[serde(default)]
    pub absent: Option<String>,
    /// By the clock on the wall, as the workload saw it.
    pub seconds: Option<f64>,
    /// Processor time of this computer.
    pub processor: Option<f64>,
    /// The number that it came to.
    pub check: Option<String>,
    /// What the machine counted, where it is vhart's.
    pub counts: Option<Counts>,
}

/// What the machine counted between the workload's marks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Instructions, in all worlds.
    pub instructions: u64,
    /// The machine's time.
    pub time_us: f64,
    /// By world.
    pub worlds: Vec<World>,
    /// By reason.
    pub exits: Vec<Exits>,
    /// Page walks of one and of two stages.
    pub walks: [Walks; 2],
    /// Accesses to devices of the machine, by name.
    pub devices: Vec<Device>,
}

/// A world: a mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct World {
    /// M, HS, U, VS or VU.
    pub mode: String,
    /// Instructions in it.
    pub instructions: u64,
    /// Time in it.
    pub time_us: f64,
}

/// Exits from the guest for one reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exits {
    /// The reason.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// Instructions until the guest went on.
    pub instructions: u64,
    /// Time until then.
    pub time_us: f64,
}

/// Page walks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Walks {
    /// How many.
    pub count: u64,
    /// Page-table entries that they read.
    pub reads: u64,
}

/// Accesses to a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Loads and stores.
    pub accesses: u64,
}

impl Results {
    /// Nothing measured so far.
    pub fn new(environment: Environment, settings: Settings) -> Results {
        Results { format: FORMAT.to_owned(), version: VERSION, environment, settings, runs: Vec::new() }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// One sentence that names the file, and the field that is missing or not as it should be.
    pub fn read(path: &Path) -> Result<Results> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read '{name}'"))?;
        Results::parse(&text).with_context(|| format!("'{name}' has no results of vhart bench"))
    }

    fn parse(text: &str) -> Result<Results> {
        let value: Value = serde_json::from_str(text).context("it is no JSON")?;
        match (value["format"].as_str(), value["version"].as_u64()) {
            (Some(FORMAT), Some(VERSION)) => serde_path_to_error::deserialize(value).map_err(|why| by_field(&why)),
            (Some(FORMAT), Some(version)) => bail!("field version is {version}, and this vhart reads {VERSION}"),
            (Some(FORMAT), None) => bail!("field version is no number"),
            (Some(other), _) => bail!("field format is '{other}', not '{FORMAT}'"),
            (None, _) => bail!("field format is missing"),
        }
    }

    /// As the file has it.
    ///
    /// # Errors
    /// None that could come.
    pub fn text(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Outcomes of a workload in a place, by round.
    pub fn outcomes(&self, workload: &str, place: &str) -> impl Iterator<Item = &Outcome> {
        let runs = self.runs.iter().filter(move |run| run.place == place);
        runs.flat_map(|run| &run.outcomes).filter(move |outcome| outcome.workload == workload)
    }

    /// Whether all runs that were asked for are there.
    pub fn is_whole(&self) -> bool {
        let rounds = self.settings.rounds;
        self.settings.places.iter().all(|place| (0..rounds).all(|round| self.has(place, round)))
    }

    /// Whether this run was done.
    pub fn has(&self, place: &str, round: u32) -> bool {
        self.runs.iter().any(|run| run.place == place && run.round == round)
    }
}

impl Counts {
    /// Of one of the windows of `vhart stat` as JSON (`docs/stat.schema.json`).
    pub fn of_window(window: &Value) -> Counts {
        let (counts, number) = (&window["counts"], |value: &Value| value.as_u64().unwrap_or_default());
        let rows = |name: &str| counts[name].as_array().into_iter().flatten();
        let time = |value: &Value| value.as_f64().unwrap_or_default();
        let mut walks = [Walks::default(); 2];
        for row in window["walks"].as_array().into_iter().flatten() {
            let sum = &mut walks[usize::from(!row["vmid"].is_null())];
            sum.count += number(&row["count"]);
            sum.reads += number(&row["reads"]);
        }
        let world = |row: &Value| World {
            mode: text(&row["mode"]),
            instructions: number(&row["instructions"]),
            time_us: time(&row["time_us"]),
        };
        let device =
            |row: &Value| Device { name: text(&row["name"]), accesses: number(&row["reads"]) + number(&row["writes"]) };
        Counts {
            instructions: number(&counts["instructions"]),
            time_us: time(&counts["time_us"]),
            worlds: rows("worlds").map(world).collect(),
            exits: exits(rows("exits")),
            walks,
            devices: rows("devices").map(device).collect(),
        }
    }

    /// Instructions and time in these worlds.
    pub fn of_worlds(&self, modes: &[&str]) -> (u64, f64) {
        let worlds = self.worlds.iter().filter(|world| modes.contains(&world.mode.as_str()));
        worlds.fold((0, 0.0), |(instructions, time), world| (instructions + world.instructions, time + world.time_us))
    }

    /// Steps of page walks: entries that were read.
    pub fn steps(&self) -> u64 {
        self.walks.iter().map(|walks| walks.reads).sum()
    }

    /// Accesses of which no table of translations knew: each was walked for.
    pub fn tlb_misses(&self) -> u64 {
        self.walks.iter().map(|walks| walks.count).sum()
    }

    /// How many exits there were.
    pub fn exit_count(&self) -> u64 {
        self.exits.iter().map(|exit| exit.count).sum()
    }
}

/// Which field is wrong, and how.
fn by_field(why: &serde_path_to_error::Error<serde_json::Error>) -> anyhow::Error {
    match why.path().iter().next() {
        Some(_) => anyhow!("field {}: {}", why.path(), why.inner()),
        None => anyhow!("{}", why.inner()),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Those of a row of `--stat`.
fn of_row(row: &Value) -> Exits {
    let about = row["about"].as_str().unwrap_or_default();
    let cause = row["cause_name"].as_str().unwrap_or_default();
    Exits {
        reason: if about.is_empty() { cause.to_owned() } else { format!("{cause}: {about}") },
        count: row["count"].as_u64().unwrap_or_default(),
        instructions: row["instructions"]["sum"].as_f64().unwrap_or_default() as u64,
        time_us: row["time_us"]["sum"].as_f64().unwrap_or_default(),
    }
}

/// By reason, whichever guest and whichever page of a device; most time first.
fn exits<'a>(rows: impl Iterator<Item = &'a Value>) -> Vec<Exits> {
    let mut exits: Vec<Exits> = Vec::new();
    for row in rows {
        let more = of_row(row);
        match exits.iter_mut().find(|exit| exit.reason == more.reason) {
            Some(exit) => {
                exit.count += more.count;
                exit.instructions += more.instructions;
                exit.time_us += more.time_us;
            }
            None => exits.push(more),
        }
    }
    exits.sort_by(|one, other| other.time_us.total_cmp(&one.time_us));
    exits
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use serde_json::json;

    /// Results in which a workload took these times in a place.
    pub fn results(times: &[(&str, &str, &[f64])]) -> Results {
        let names = |of: fn(&(&str, &str, &[f64])) -> String| {
            let mut names: Vec<String> = times.iter().map(of).collect();
            names.dedup();
            names
        };
        let settings = Settings {
            workloads: names(|(workload, ..)| (*workload).to_owned()),
            places: names(|(_, place, _)| (*place).to_owned()),
            rounds: 5,
            part: 1,
            counts: false,
            options: Vec::new(),
        };
        let mut results = Results::new(Environment::default(), settings);
        for (workload, place, seconds) in times {
            for (round, seconds) in (0..).zip(*seconds) {
                let outcome = Outcome {
                    workload: (*workload).to_owned(),
                    seconds: Some(*seconds),
                    processor: Some(*seconds),
                    check: Some("5f".into()),
                    ..Outcome::default()
                };
                let place = (*place).to_owned();
                results.runs.push(Invocation { place, round, seconds: 1.0, failed: None, outcomes: vec![outcome] });
            }
        }
        results
    }

    /// Names of all members, wherever they are.
    fn members(value: &Value, names: &mut std::collections::BTreeSet<String>) {
        value.as_array().into_iter().flatten().for_each(|value| members(value, names));
        for (name, value) in value.as_object().into_iter().flatten() {
            names.insert(name.clone());
            members(value, names);
        }
    }

    /// Names of all members that a schema describes.
    fn described(schema: &Value, names: &mut std::collections::BTreeSet<String>) {
        schema.as_array().into_iter().flatten().for_each(|value| described(value, names));
        for (name, value) in schema.as_object().into_iter().flatten() {
            if name == "properties" {
                names.extend(value.as_object().into_iter().flatten().map(|(name, _)| name.clone()));
            }
            described(value, names);
        }
    }

    #[test]
    fn the_schema_describes_all_that_is_written_and_nothing_else() {
        let mut results = results(&[("sort", "guest", &[1.0])]);
        results.runs[0].outcomes[0].counts = Some(Counts {
            worlds: vec![World { mode: "VU".into(), instructions: 1, time_us: 1.0 }],
            exits: vec![Exits { reason: "wfi".into(), count: 1, instructions: 1, time_us: 1.0 }],
            devices: vec![Device { name: "uart".into(), accesses: 1 }],
            ..Counts::default()
        });
        let (mut written, mut named) = Default::default();
        members(&serde_json::to_value(&results).unwrap(), &mut written);
        let schema: Value = serde_json::from_str(include_str!("../../../../docs/bench.schema.json")).unwrap();
        described(&schema, &mut named);
        assert_eq!(written, named);
        assert_eq!(schema["properties"]["version"]["const"], VERSION);
    }

    #[test]
    fn what_was_written_is_read() {
        let results = results(&[("sort", "host", &[1.0, 2.0])]);
        assert_eq!(Results::parse(&results.text().unwrap()).unwrap(), results);
    }

    #[test]
    fn foreign_and_older_files_are_refused_by_the_field() {
        let whole: Value = serde_json::from_str(&results(&[("sort", "host", &[1.0, 2.0])]).text().unwrap()).unwrap();
        let refusal = |change: &dyn Fn(&mut Value)| {
            let mut value = whole.clone();
            change(&mut value);
            format!("{:#}", Results::parse(&value.to_string()).unwrap_err())
        };
        assert_eq!(refusal(&|value| value["version"] = 0.into()), "field version is 0, and this vhart reads 1");
        assert_eq!(refusal(&|value| value["format"] = "x".into()), "field format is 'x', not 'vhart bench'");
        assert_eq!(refusal(&|value| *value = json!({"passed": true})), "field format is missing");
        let many = "invalid type: string \"many\", expected u32";
        assert_eq!(
            refusal(&|value| value["settings"]["rounds"] = "many".into()),
            format!("field settings.rounds: {many}")
        );
        assert_eq!(refusal(&|value| value["runs"][1]["round"] = "many".into()), format!("field runs[1].round: {many}"));
        assert_eq!(
            refusal(&|value| drop(value["settings"].as_object_mut().unwrap().remove("rounds"))),
            "field settings: missing field `rounds`"
        );
        assert_eq!(refusal(&|value| drop(value.as_object_mut().unwrap().remove("runs"))), "missing field `runs`");
        assert_eq!(format!("{:#}", Results::parse("no").unwrap_err()).split(':').next(), Some("it is no JSON"));
    }

    #[test]
    fn a_window_of_stat_becomes_counts() {
        let exit = |page: u64, count: u64| {
            json!({"cause_name": "load guest-page fault", "about": "uart", "address": page, "count": count,
                   "instructions": {"sum": 100.0}, "time_us": {"sum": 2.5}})
        };
        let window = json!({
            "walks": [{"vmid": null, "count": 1, "reads": 3}, {"vmid": 1, "count": 2, "reads": 20}],
            "counts": {
                "instructions": 500, "time_us": 10.0,
                "worlds": [{"mode": "VU", "instructions": 300, "time_us": 6.0}, {"mode": "VS", "instructions": 0, "time_us": 0.5}],
                "exits": [exit(0, 1), exit(4096, 2)],
                "devices": [{"name": "uart", "reads": 1, "writes": 2}],
            },
        });
        let counts = Counts::of_window(&window);
        assert_eq!((counts.instructions, counts.exit_count(), counts.of_worlds(&["VU", "VS"])), (500, 3, (300, 6.5)));
        let exit = Exits { reason: "load guest-page fault: uart".into(), count: 3, instructions: 200, time_us: 5.0 };
        assert_eq!(
            (counts.exits, counts.walks[1], counts.devices[0].accesses),
            (vec![exit], Walks { count: 2, reads: 20 }, 3)
        );
    }
}
