//! The table of functions, for a terminal.

use std::fmt::Write as _;

use super::{Report, World};

/// Functions of a world that are shown.
const SHOWN: usize = 15;

/// The table.
pub fn of(report: &Report) -> String {
    let mut text = format!("profile: {} samples, one each {} instructions of a hart\n", report.samples, report.every);
    for world in &report.worlds {
        // writing to a string does not fail
        let _ = of_world(&mut text, world, report.samples);
    }
    text
}

fn of_world(text: &mut String, world: &World, all: u64) -> std::fmt::Result {
    let (share, how) = (percent(world.samples, all), how(world));
    writeln!(text, "{}: {share}, {} samples ({how})", world.title(), world.samples)?;
    writeln!(text, "     self    total")?;
    for function in world.functions.iter().take(SHOWN) {
        let (own, total) = (percent(function.own, all), percent(function.total, all));
        writeln!(text, "  {own:>7}  {total:>7}  {}", function.name)?;
    }
    match world.functions.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => writeln!(text, "                    and {more} more"),
    }
}

/// How the samples of a world were told apart.
fn how(world: &World) -> String {
    match (world.name, world.with_callers) {
        ("U" | "VU", _) => "by process".to_owned(),
        (_, 0) => "no callers: no frame pointers were found".to_owned(),
        (_, some) => format!("{} % with callers, by frame pointers", some * 100 / world.samples.max(1)),
    }
}

fn percent(part: u64, whole: u64) -> String {
    let tenths = (part * 1000).checked_div(whole).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    #[test]
    fn functions_come_by_their_own_samples() {
        let text = super::of(&super::super::tests::report());
        assert!(text.contains("HS: 83.3 %, 10 samples (90 % with callers, by frame pointers)"), "{text}");
        assert!(text.contains("   50.0 %   50.0 %  copy\n   25.0 %   75.0 %  read\n"), "{text}");
        assert!(text.contains("VU of VMID 7: 16.6 %, 2 samples (by process)"), "{text}");
    }
}
