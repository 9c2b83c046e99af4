//! What the rounds say of each workload in each place.

use workloads::{Clock, Group};

use super::model::{Counts, Outcome, Results};
use super::numbers::Summary;
use super::options::Place;

/// All workloads.
pub struct Summaries {
    /// In the order of the list.
    pub rows: Vec<Row>,
}

/// A workload.
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its group; none where this vhart does not know it.
    pub group: Option<Group>,
    /// Which time counts.
    pub clock: Clock,
    cells: Vec<Cell>,
}

/// A workload in a place.
pub struct Cell {
    /// The place's name.
    pub place: String,
    /// Why there is no time.
    pub failed: Option<String>,
    /// What the place has not that it needs.
    pub absent: Option<String>,
    /// Seconds, by round; none of deterministic runs, whose times mean nothing.
    pub times: Vec<(u32, f64)>,
    /// What the machine counted, by round.
    pub counts: Vec<Counts>,
}

impl Summaries {
    /// Of these results.
    pub fn of(results: &Results) -> Summaries {
        let names = &results.settings.workloads;
        Summaries { rows: names.iter().map(|name| Row::of(results, name)).collect() }
    }

    /// Whether no workload failed anywhere.
    pub fn is_well(&self) -> bool {
        self.failures().next().is_none()
    }

    /// Workload, place and reason of those that failed.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.rows.iter().flat_map(|row| {
            row.cells.iter().filter_map(|cell| Some((row.name.as_str(), cell.place.as_str(), cell.failed.as_deref()?)))
        })
    }

    /// Workload, place and what is missing there, of those that a place cannot run.
    pub fn absences(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.rows.iter().flat_map(|row| {
            row.cells.iter().filter_map(|cell| Some((row.name.as_str(), cell.place.as_str(), cell.absent.as_deref()?)))
        })
    }

    /// Rows of a group.
    pub fn of_group(&self, group: Option<Group>) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.group == group)
    }

    /// The geometric mean of a ratio over the workloads that compute.
    pub fn mean_ratio(&self, place: &str, by: &str) -> Option<f64> {
        let computes = self.rows.iter().filter(|row| row.clock == Clock::Processor);
        let ratios: Vec<f64> = computes.filter_map(|row| row.ratio(place, by)).map(|ratio| ratio.median).collect();
        super::numbers::geometric_mean(&ratios)
    }
}

impl Row {
    fn of(results: &Results, name: &str) -> Row {
        let known = workloads::find(name);
        let clock = known.map_or(Clock::Processor, |workload| workload.clock);
        let places = results.settings.places.iter();
        let cells = places.map(|place| Cell::of(results, name, place, clock)).collect();
        Row { name: name.to_owned(), group: known.map(|workload| workload.group), clock, cells }
    }

    /// In this place, where it ran there.
    pub fn cell(&self, place: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.place == place)
    }

    /// How many times as long it took in a place, by that in another in the same round.
    pub fn ratio(&self, place: &str, by: &str) -> Option<Summary> {
        let (one, other) = (self.cell(place)?, self.cell(by)?);
        let pairs = one.times.iter().filter_map(|(round, time)| {
            let (_, by) = other.times.iter().find(|(of, by)| of == round && *by > 0.0)?;
            Some(time / by)
        });
        Summary::of(&pairs.collect::<Vec<_>>())
    }
}

impl Cell {
    fn of(results: &Results, name: &str, place: &str, clock: Clock) -> Cell {
        let failed = failure(results, name, place);
        let runs = results.runs.iter().filter(|run| run.place == place);
        let outcomes: Vec<(u32, &Outcome)> = runs
            .flat_map(|run| run.outcomes.iter().map(|outcome| (run.round, outcome)))
            .filter(|(_, outcome)| outcome.workload == name && outcome.failed.is_none() && outcome.absent.is_none())
            .collect();
        let time = |(round, outcome): &(u32, &Outcome)| Some((*round, time(outcome, clock)?));
        let times = match &failed {
            None if !results.settings.counts => outcomes.iter().filter_map(time).collect(),
            _ => Vec::new(),
        };
        let counts = outcomes.iter().filter_map(|(_, outcome)| outcome.counts.clone()).collect();
        let absent = results.outcomes(name, place).find_map(|outcome| outcome.absent.clone());
        Cell { place: place.to_owned(), failed, absent, times, counts }
    }

    /// Median and spread of the times.
    pub fn time(&self) -> Option<Summary> {
        Summary::of(&self.times.iter().map(|(_, time)| *time).collect::<Vec<_>>())
    }

    /// Median and spread of a count.
    pub fn count(&self, of: impl Fn(&Counts) -> f64) -> Option<Summary> {
        Summary::of(&self.counts.iter().map(of).collect::<Vec<_>>())
    }

    /// The counts of the round whose number of instructions is the median.
    pub fn typical(&self) -> Option<&Counts> {
        let mut counts: Vec<&Counts> = self.counts.iter().collect();
        counts.sort_by_key(|counts| counts.instructions);
        counts.get(counts.len() / 2).copied()
    }
}

/// The time that counts.
fn time(outcome: &Outcome, clock: Clock) -> Option<f64> {
    match clock {
        Clock::Processor => outcome.processor,
        Clock::Wall => outcome.seconds,
    }
}

/// Why a workload has no time in a place: it said so in a round, or came to another number than elsewhere.
fn failure(results: &Results, name: &str, place: &str) -> Option<String> {
    let said = results.outcomes(name, place).find_map(|outcome| outcome.failed.clone());
    let all =
        || results.settings.places.iter().flat_map(|place| results.outcomes(name, place).map(move |of| (place, of)));
    let differs = || {
        let has = |outcome: &Outcome| outcome.failed.is_none() && outcome.absent.is_none();
        let own = results.outcomes(name, place).filter(|outcome| has(outcome)).collect::<Vec<_>>();
        let (reference, right) = all().find(|(_, outcome)| has(outcome))?;
        let wrong =
            own.iter().find(|outcome| outcome.check != right.check && outcome.iterations == right.iterations)?;
        let number = |outcome: &Outcome| outcome.check.clone().unwrap_or_default();
        Some(format!("came to {}, and {reference} to {}", number(wrong), number(right)))
    };
    said.or_else(differs)
}

/// Pairs of places that a ratio says something about: the place, what it is divided by.
pub fn pairs<Name: AsRef<str>>(places: &[Name]) -> Vec<(&'static str, &'static str)> {
    let [native, host, guest] = [Place::Native, Place::Host, Place::Guest].map(Place::name);
    let [qemu_host, qemu_guest] = [Place::QemuHost, Place::QemuGuest].map(Place::name);
    let [spike_host, spike_guest] = [Place::SpikeHost, Place::SpikeGuest].map(Place::name);
    let hypervisor = Place::Hypervisor.name();
    let has = |name: &str| places.iter().any(|place| place.as_ref() == name);
    let of_peers = [
        (qemu_host, host),
        (qemu_guest, guest),
        (qemu_guest, qemu_host),
        (spike_host, host),
        (spike_guest, guest),
        (spike_guest, spike_host),
    ];
    let board = Place::Board.name();
    let bare = Place::Bare.name();
    let own = [
        (host, native),
        (guest, host),
        (hypervisor, host),
        (hypervisor, guest),
        (host, board),
        (guest, bare),
        (hypervisor, bare),
    ];
    let pairs = own.into_iter().chain(of_peers);
    pairs.filter(|(one, other)| has(one) && has(other)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::model::tests::results;
    use super::*;

    #[test]
    fn ratios_are_of_the_same_round() {
        let results = results(&[("sort", "host", &[1.0, 10.0, 1.0]), ("sort", "guest", &[2.0, 20.0, 3.0])]);
        let summaries = Summaries::of(&results);
        let ratio = summaries.rows[0].ratio("guest", "host").unwrap();
        assert_eq!((ratio.median, ratio.most, ratio.count), (2.0, 3.0, 3));
        assert!((summaries.mean_ratio("guest", "host").unwrap() - 2.0).abs() < 1e-12);
        assert_eq!(summaries.failures().count(), 0);
    }

    #[test]
    fn what_a_place_cannot_run_is_no_failure() {
        let mut results = results(&[("sort", "host", &[1.0]), ("sort", "guest", &[2.0])]);
        let outcome = &mut results.runs[1].outcomes[0];
        (outcome.absent, outcome.check) = (Some("it has no disk".into()), None);
        let summaries = Summaries::of(&results);
        assert_eq!(summaries.failures().count(), 0);
        assert_eq!(summaries.absences().collect::<Vec<_>>(), [("sort", "guest", "it has no disk")]);
        assert!(summaries.rows[0].cell("guest").unwrap().time().is_none());
    }

    #[test]
    fn a_workload_that_fails_or_comes_to_another_number_has_no_time() {
        let mut results = results(&[("sort", "host", &[1.0, 1.0]), ("sort", "guest", &[2.0, 2.0])]);
        results.runs[3].outcomes[0].check = Some("60".into());
        let why = |results: &Results| {
            let summaries = Summaries::of(results);
            let failures: Vec<_> = summaries.failures().map(|(_, place, why)| format!("{place}: {why}")).collect();
            assert!(summaries.rows[0].cell("guest").unwrap().time().is_none());
            failures
        };
        assert_eq!(why(&results), ["guest: came to 60, and host to 5f"]);
        results.runs[2].outcomes[0].failed = Some("wrong".into());
        assert_eq!(why(&results), ["guest: wrong"]);
    }
}
