//! Folded stacks: a line for each stack, from the outermost on, and its samples, as flame graph programs read them.

use super::Report;

/// The lines.
pub fn of(report: &Report) -> String {
    let mut text = String::new();
    for world in &report.worlds {
        for stack in &world.stacks {
            let process = stack.process.iter().map(String::as_str);
            let frames =
                process.chain(stack.frames.iter().map(String::as_str)).map(|frame| frame.replace([';', '\n'], "_"));
            let path: Vec<String> = [world.title()].into_iter().chain(frames).collect();
            text += &format!("{} {}\n", path.join(";"), stack.samples);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_line_has_world_process_and_functions() {
        let text = super::of(&super::super::tests::report());
        assert!(text.contains("HS;init;entry;read;copy 6\n") && text.contains("VU of VMID 7;init 2\n"), "{text}");
    }
}
