//! `-device loader`: files and numbers in memory.

use super::line::Line;
use crate::cli::properties::Properties;

/// What stays as it is; vhart's `--load` takes the same.
const SAME: [&str; 6] = ["file", "addr", "data", "data-len", "cpu-num", "force-raw"];

/// `-device loader,file=FILE,addr=ADDRESS`
pub fn loader(line: &mut Line, mut all: Properties) -> Result<(), String> {
    all.take("id");
    let value = |key: &str, value: String| format!("{key}={}", value.replace(',', ",,"));
    let mut words: Vec<String> = SAME.iter().filter_map(|key| Some(value(key, all.take(key)?))).collect();
    words.extend(all.take("data-be").map(|be| value("data-be", be)));
    all.finish()?;
    crate::cli::load::parse(&words.join(",")).map_err(|why| format!("-device loader: {why}"))?;
    line.option("load", words.join(","));
    Ok(())
}
