//! The page: tables, bars with their spread, what the guest's time goes to, where it was measured, and how to do it
//! again. It loads nothing and runs nothing.

use clap::ValueEnum as _;
use workloads::{Clock, Group};

use super::super::attribution::{self, Part};
use super::super::model::Results;
use super::super::numbers::Summary;
use super::super::options::Place;
use super::super::peers::Kind;
use super::super::summary::{Row, Summaries, pairs};
use super::super::table::{self, COUNTED, has_counts};

const STYLE: &str = include_str!("style.css");

/// Parts narrower than this share of a bar have no legend of their own in it.
const NARROW: f64 = 0.001;

/// All of it.
pub fn text(results: &Results, summaries: &Summaries) -> String {
    let settings = &results.settings;
    let what = if settings.counts { "counts" } else { "times and counts" };
    let mut body = format!(
        "<h1>Host and guest, measured</h1>\n<p>{} workloads in {}: {what}, {} round{}. \
         <code>vhart bench</code> {}.</p>\n",
        settings.workloads.len(),
        escape(&settings.places.join(", ")),
        settings.rounds,
        if settings.rounds == 1 { "" } else { "s" },
        escape(&results.environment.vhart),
    );
    body += &failures(summaries);
    body += &absences(summaries);
    if !settings.counts {
        body += &overview(results, summaries);
        body += &times(results, summaries);
    }
    body += &costs(summaries, settings.counts);
    body += &counts(results, summaries);
    body += &environment(results);
    body += &again(results);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>vhart bench</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// `text` as HTML has it.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn failures(summaries: &Summaries) -> String {
    let items: String = summaries
        .failures()
        .map(|(workload, place, why)| format!("<li>{workload} in {}: {}</li>\n", escape(place), escape(why)))
        .collect();
    if items.is_empty() {
        items
    } else {
        format!("<section class=\"failed\"><h2>Failed</h2>\n<ul>\n{items}</ul></section>\n")
    }
}

fn absences(summaries: &Summaries) -> String {
    let named = table::by_absence(summaries);
    let item = |(place, why, workloads): &(&str, &str, Vec<&str>)| {
        format!("<li>{} in {}: {}</li>\n", escape(&workloads.join(", ")), escape(place), escape(why))
    };
    match named.is_empty() {
        true => String::new(),
        false => format!(
            "<details><summary>Not everywhere</summary>\n<ul>\n{}</ul></details>\n",
            named.iter().map(item).collect::<String>()
        ),
    }
}

fn overview(results: &Results, summaries: &Summaries) -> String {
    let cards: String = pairs(&results.settings.places)
        .into_iter()
        .filter_map(|(one, by)| Some((one, by, summaries.mean_ratio(one, by)?)))
        .map(|(one, by, mean)| {
            format!(
                "<div class=\"card\"><b>{mean:.2}</b><span>times as long in {one} as in {by}, geometric mean of what computes</span></div>\n"
            )
        })
        .collect();
    format!("<section class=\"cards\">\n{cards}</section>\n")
}

fn times(results: &Results, summaries: &Summaries) -> String {
    let (places, pairs) = (&results.settings.places, pairs(&results.settings.places));
    let heads: String = (0..).zip(places).map(|(at, place)| format!("<th>{}{}</th>", key(at), escape(place))).collect();
    let ratios: String = pairs.iter().map(|(one, by)| format!("<th>{one} / {by}</th>")).collect();
    let keys: String =
        (0..).zip(places).map(|(at, place)| format!("<span>{}{}</span> ", key(at), escape(place))).collect();
    let mut text = format!(
        "<section><h2>Times</h2>\n<p>Medians, with half of the distance from the least to the most; bars end at the median, and whiskers \
         are least and most. Processor time of this computer; of what waits, the clock on the wall; of world switches, one of them. Ratios are of the same round.</p>\n\
         <p class=\"keys\">{keys}</p>\n<div class=\"wide\"><table>\n<thead><tr><th>workload</th><th class=\"bars\"></th>{heads}{ratios}</tr></thead>\n"
    );
    for group in Group::ALL {
        let rows: String = summaries.of_group(Some(group)).map(|row| time_row(row, places, &pairs)).collect();
        if !rows.is_empty() {
            let columns = 2 + places.len() + pairs.len();
            text += &format!(
                "<tbody><tr class=\"group\"><th colspan=\"{columns}\">{}</th></tr>\n{rows}</tbody>\n",
                group.name()
            );
        }
    }
    text + "</table></div></section>\n"
}

/// The colour of a place's bars.
fn key(at: usize) -> String {
    format!(
        "<svg class=\"key\" viewBox=\"0 0 8 8\" width=\"8\" height=\"8\"><rect class=\"place{at}\" width=\"8\" height=\"8\"/></svg>"
    )
}

fn time_row(row: &Row, places: &[String], pairs: &[(&str, &str)]) -> String {
    let cell = |place: &String| match row.cell(place).map(|cell| (cell.time(), &cell.failed)) {
        Some((_, Some(_))) => "<td class=\"bad\">failed</td>".to_owned(),
        Some((Some(time), None)) => {
            format!("<td>{} <small>±{:.0} %</small></td>", table::time(time.median), time.spread() * 100.0)
        }
        _ => "<td>–</td>".to_owned(),
    };
    let ratio = |(one, by): &(&str, &str)| match row.ratio(one, by) {
        Some(ratio) => format!("<td>{:.2} <small>{:.2}–{:.2}</small></td>", ratio.median, ratio.least, ratio.most),
        None => "<td>–</td>".to_owned(),
    };
    let title = workloads::find(&row.name).map_or("", |workload| workload.what);
    let clock = if row.clock == Clock::Wall { " <small>(wall)</small>" } else { "" };
    format!(
        "<tr><th title=\"{}\">{}{clock}</th><td class=\"bars\">{}</td>{}{}</tr>\n",
        escape(title),
        escape(&row.name),
        bars(row, places),
        places.iter().map(cell).collect::<String>(),
        pairs.iter().map(ratio).collect::<String>(),
    )
}

/// A bar for each place, all on one scale.
fn bars(row: &Row, places: &[String]) -> String {
    const WIDTH: f64 = 200.0;
    const HEIGHT: usize = 8;
    let times: Vec<(usize, Summary)> =
        (0..).zip(places).filter_map(|(at, place)| Some((at, row.cell(place)?.time()?))).collect();
    let longest = times.iter().map(|(_, time)| time.most).fold(f64::MIN_POSITIVE, f64::max);
    let x = |seconds: f64| seconds / longest * (WIDTH - 2.0);
    let bar = |(at, time): &(usize, Summary)| {
        let (y, middle) = (at * (HEIGHT + 2), at * (HEIGHT + 2) + HEIGHT / 2);
        format!(
            "<rect class=\"place{at}\" x=\"0\" y=\"{y}\" width=\"{:.1}\" height=\"{HEIGHT}\"/>\
             <path class=\"spread\" d=\"M{:.1} {middle}H{:.1}\"/>",
            x(time.median),
            x(time.least),
            x(time.most).max(x(time.least) + 0.5),
        )
    };
    let height = places.len() * (HEIGHT + 2);
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-label=\"times of {}\">{}</svg>",
        escape(&row.name),
        times.iter().map(bar).collect::<String>()
    )
}

/// What the guest's time went to, and what it executes more.
fn costs(summaries: &Summaries, counts_alone: bool) -> String {
    let costs = attribution::all(summaries);
    if costs.is_empty() {
        return String::new();
    }
    let mut text = String::from("<section><h2>Where the guest's loss goes</h2>\n");
    if !counts_alone {
        text += "<p>All of the machine's time between a workload's marks in the guest: the program and the guest's kernel themselves, and \
                 exits by reason, from the exit until the guest goes on. The parts add up to the whole.</p>\n<div class=\"wide\"><table class=\"stacks\">\n";
        for (row, place, cost) in &costs {
            text += &format!(
                "<tr><th>{}</th><td>{}</td><td><small>{}</small></td></tr>\n",
                named(row, place),
                stack(&cost.time),
                legend(&cost.time, table::time),
            );
        }
        text += "</table></div>\n<h3>Longer than in the host, by reason</h3>\n<p>Steps of walks are priced by the two pointer chases of the same \
                 measurement, where both were run, and instructions that program and kernel execute more by what they take in the host; what no part \
                 explains is called unexplained, and noise is in it.</p>\n";
        text += &loss_table(&costs);
    }
    text += "<h3>More than in the host</h3>\n<p>Exact: steps of page walks, and instructions, each of which between the marks is in one part.</p>\n\
             <div class=\"wide\"><table><thead><tr><th>workload</th><th>walk steps</th><th>instructions</th><th class=\"words\">parts</th></tr></thead>\n";
    for (row, place, cost) in &costs {
        let parts: Vec<String> = cost.parts.iter().map(|part| escape(&part.to_string())).collect();
        text += &format!(
            "<tr><th>{}</th><td>{:+}</td><td>{:+}</td><td class=\"words\"><small>{}</small></td></tr>\n",
            named(row, place),
            cost.steps,
            cost.more,
            parts.join("; ")
        );
    }
    text + "</table></div></section>\n"
}

/// A workload, with its place where it is not the guest of KVM.
fn named(row: &Row, place: &str) -> String {
    match place == Place::Guest.name() {
        true => escape(&row.name),
        false => format!("{} <small>({place})</small>", escape(&row.name)),
    }
}

fn loss_table(costs: &[(&Row, &str, attribution::Cost)]) -> String {
    let rows: String = costs
        .iter()
        .map(|(row, place, cost)| {
            let signed = |amount: f64| format!("{}{}", if amount < 0.0 { "−" } else { "+" }, table::time(amount.abs()));
            format!(
                "<tr><th>{}</th><td>{}</td><td class=\"words\"><small>{}</small></td></tr>\n",
                named(row, place),
                signed(cost.longer),
                legend(&cost.loss, signed)
            )
        })
        .collect();
    format!(
        "<div class=\"wide\"><table><thead><tr><th>workload</th><th>longer</th><th class=\"words\">parts</th></tr></thead>\n{rows}</table></div>\n"
    )
}

fn legend(parts: &[Part], amount: impl Fn(f64) -> String) -> String {
    let whole: f64 = parts.iter().map(|part| part.amount.abs()).sum();
    let shown = parts.iter().filter(|part| part.amount.abs() > whole * NARROW).map(|part| {
        let count = part.count.map_or(String::new(), |count| format!(" × {count}"));
        format!("{}{count} {}", escape(&part.name), amount(part.amount))
    });
    shown.collect::<Vec<_>>().join("; ")
}

/// Parts of a whole beside each other.
fn stack(parts: &[Part]) -> String {
    const WIDTH: f64 = 300.0;
    let whole: f64 = parts.iter().map(|part| part.amount).sum::<f64>().max(f64::MIN_POSITIVE);
    let mut x = 0.0;
    let mut rects = String::new();
    for (at, part) in parts.iter().enumerate() {
        let width = part.amount.max(0.0) / whole * WIDTH;
        let share = part.amount / whole * 100.0;
        rects += &format!(
            "<rect class=\"part{at}\" x=\"{x:.2}\" y=\"0\" width=\"{width:.2}\" height=\"14\"><title>{} {share:.1} %</title></rect>",
            escape(&part.name)
        );
        x += width;
    }
    format!(
        "<svg viewBox=\"0 0 {WIDTH} 14\" width=\"{WIDTH}\" height=\"14\" role=\"img\" aria-label=\"parts of the guest's time\">{rects}</svg>"
    )
}

fn counts(results: &Results, summaries: &Summaries) -> String {
    let counted = |place: &&String| summaries.rows.iter().any(|row| has_counts(row, place));
    let places: Vec<&String> = results.settings.places.iter().filter(counted).collect();
    if places.is_empty() {
        return String::new();
    }
    let heads: String =
        places.iter().flat_map(|place| COUNTED.map(|(name, _)| format!("<th>{} {name}</th>", escape(place)))).collect();
    let row = |row: &Row| {
        let count = |place: &&String, of| match row.cell(place).and_then(|cell| cell.count(of)) {
            Some(count) => format!("<td>{:.0}</td>", count.median),
            None => "<td>–</td>".to_owned(),
        };
        let cells: String = places.iter().flat_map(|place| COUNTED.map(|(_, of)| count(place, of))).collect();
        format!("<tr><th>{}</th>{cells}</tr>\n", escape(&row.name))
    };
    format!(
        "<section><h2>Counts</h2>\n<p>Between the marks, in all worlds; medians of the rounds. A walk step is a page-table entry that was read.</p>\n\
         <div class=\"wide\"><table>\n<thead><tr><th>workload</th>{heads}</tr></thead>\n{}</table></div></section>\n",
        summaries
            .rows
            .iter()
            .filter(|of| places.iter().any(|place| has_counts(of, place)))
            .map(row)
            .collect::<String>()
    )
}

fn environment(results: &Results) -> String {
    let of = &results.environment;
    let rows = [
        ("processor", of.processor.clone()),
        ("processors", of.processors.to_string()),
        ("system", of.system.clone()),
        ("load when it began", format!("{:.2}", of.load)),
        ("began", date(of.began)),
        ("vhart", of.vhart.clone()),
        ("riscv64 program", of.workloads_sha256.clone()),
        ("beside", of.peer.clone().unwrap_or_else(|| "no other emulator".to_owned())),
    ];
    let rows: String = rows
        .iter()
        .map(|(name, value)| format!("<tr><th>{name}</th><td class=\"words\">{}</td></tr>\n", escape(value)))
        .collect();
    format!("<section><h2>Where</h2>\n<div class=\"wide\"><table class=\"facts\">\n{rows}</table></div></section>\n")
}

fn again(results: &Results) -> String {
    let settings = &results.settings;
    let mut line = String::from("vhart bench");
    if workloads::ALL.len() != settings.workloads.len() {
        line += &format!(" {}", settings.workloads.join(" "));
    }
    let (own, others): (Vec<&String>, Vec<&String>) =
        settings.places.iter().partition(|place| Place::from_str(place, false).is_ok());
    line += &format!(" --places {}", own.into_iter().cloned().collect::<Vec<_>>().join(","));
    for kind in Kind::ALL.iter().filter(|kind| others.iter().any(|place| place.starts_with(kind.name()))) {
        line += &format!(" --against {}", kind.name());
    }
    if others.iter().any(|place| *place == Place::Board.name()) {
        line += " --at BOARD";
    }
    line += &match (settings.counts, settings.part) {
        (true, 1) => " --counts".to_owned(),
        (true, _) => " --counts --quick".to_owned(),
        (false, 1) => format!(" --rounds {}", settings.rounds),
        (false, _) => format!(" --quick --rounds {}", settings.rounds),
    };
    if !settings.options.is_empty() {
        line += &format!(" -- {}", settings.options.join(" "));
    }
    format!("<section><h2>Again</h2>\n<pre>{}</pre></section>\n", escape(&line))
}

/// The day and time in UTC of so many seconds since 1970.
fn date(seconds: u64) -> String {
    let (days, rest) = ((seconds / 86_400) as i64, seconds % 86_400);
    // Days since 1 March of year 0, so that the leap day is a year's last (Hinnant, "chrono-Compatible Low-Level Date
    // Algorithms")
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year}-{month:02}-{day:02} {:02}:{:02} UTC", rest / 3600, rest / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::super::super::model::tests::results;
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        // date --date=@951827696 --utc, and so on
        assert_eq!(date(951_827_696), "2000-02-29 12:34 UTC");
        assert_eq!(date(0), "1970-01-01 00:00 UTC");
        assert_eq!(date(1_796_000_000), "2026-11-30 00:53 UTC");
    }

    #[test]
    fn the_page_loads_nothing_and_what_others_say_is_no_markup() {
        let mut results = results(&[("sort", "host", &[1.0, 1.5]), ("sort", "guest", &[2.0, 3.0])]);
        results.environment.processor = "<script>alert(1)</script>".into();
        results.runs[3].outcomes[0].failed = Some("<b>why".into());
        let page = text(&results, &Summaries::of(&results));
        assert!(!page.contains("<script") && !page.contains("<b>why") && page.contains("&lt;b&gt;why"));
        assert!(!page.contains("http") && !page.contains("src=") && !page.contains("url("));
        for word in ["Failed", "Where", "Again", "vhart bench sort --places host,guest --rounds 5", "<svg"] {
            assert!(page.contains(word), "{word}");
        }
    }
}
