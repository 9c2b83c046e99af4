//! What work that measures itself prints, in a machine where anybody may print anything.

use images::work::said::{Line, Lines, MOST_LINE, MOST_TEXT};

use super::Target;

pub const TARGET: Target = Target {
    name: "work",
    what: "what guests print where vhart bench listens: lines have an end, times are times, texts give a terminal no orders",
    run,
    seeds,
};

fn seeds() -> Vec<Vec<u8>> {
    [
        "{\"workload\":\"sort\",\"iterations\":20}\r\n{\"workload\":\"sort\",\"seconds\":0.1,\"processor\":1e-1,\"check\":\"5f\"}\r\n",
        "xxxx  {\"workload\":\"disk-read\",\"absent\":\"it has no disk\"}\n{\"workload\":\"sort\",\"failed\":\"\\u001b[2J\\\"why\\\"\"}\n",
        "[    0.1] Linux version 6\r\nsbi-null 193.44 524288\r\ntouch-4k inf 16\nswitches: done\r\nbench: over\n",
        "interrupts: kernel-irqchip=on\r\nmsi-running 900.50 1000\r\nmmio-read -1e400 18446744073709551616\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

fn run(input: &[u8]) {
    let mut lines = 0;
    for line in Lines(input) {
        lines += 1;
        // what is no UTF-8 becomes a sign of three bytes
        assert!(line.len() <= 3 * MOST_LINE);
        check(&Line::of(&line));
    }
    assert!(lines <= input.iter().filter(|byte| **byte == b'\n').count() + 1);
}

fn check(line: &Line) {
    let is_plain = |text: &str| text.chars().count() <= MOST_TEXT && !text.chars().any(char::is_control);
    let is_time = |seconds: f64| seconds.is_finite() && seconds >= 0.0;
    match line {
        Line::Begins { workload, .. } => assert!(is_plain(workload)),
        Line::Ended(ended) => {
            let texts = [&ended.check, &ended.failed, &ended.absent];
            assert!(is_plain(&ended.workload) && texts.into_iter().flatten().all(|text| is_plain(text)));
            assert!([ended.seconds, ended.processor].into_iter().flatten().all(is_time));
        }
        Line::Operation { name, seconds, .. } => assert!(is_plain(name) && is_time(*seconds)),
        Line::Measured | Line::Over | Line::Other => {}
    }
}
