//! A flame graph, drawn: worlds side by side, functions above those that called them, as wide as their samples.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Report;

const WIDTH: f64 = 1200.0;
const ROW: f64 = 17.0;
const MARGIN: f64 = 10.0;
const HEADING: f64 = 30.0;
/// Narrower boxes are left out.
const NARROWEST: f64 = 0.4;
/// Width of a letter.
const LETTER: f64 = 6.6;

/// A box.
#[derive(Default)]
struct Node {
    samples: u64,
    above: BTreeMap<String, Node>,
}

impl Node {
    fn add(&mut self, path: &[&str], samples: u64) {
        let mut node = self;
        node.samples += samples;
        for name in path {
            node = node.above.entry((*name).to_owned()).or_default();
            node.samples += samples;
        }
    }

    fn height(&self) -> usize {
        1 + self.above.values().map(Node::height).max().unwrap_or(0)
    }
}

/// The drawing.
pub fn svg(report: &Report) -> String {
    let mut root = Node::default();
    for world in &report.worlds {
        let title = world.title();
        for stack in &world.stacks {
            let path: Vec<&str> =
                [&title].into_iter().chain(&stack.process).chain(&stack.frames).map(String::as_str).collect();
            root.add(&path, stack.samples);
        }
    }
    let height = HEADING + MARGIN + root.height() as f64 * ROW;
    let mut drawing = Drawing {
        out: String::new(),
        scale: WIDTH / root.samples.max(1) as f64,
        bottom: height - MARGIN,
        all: root.samples,
    };
    drawing.node("all", &root, 0.0, 0, 0);
    let whole = WIDTH + 2.0 * MARGIN;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{whole}\" height=\"{height}\" viewBox=\"0 0 {whole} {height}\" \
         font-family=\"monospace\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{MARGIN}\" y=\"20\">{} samples, one each {} instructions of a hart</text>\n{}</svg>\n",
        report.samples, report.every, drawing.out
    )
}

struct Drawing {
    out: String,
    scale: f64,
    bottom: f64,
    all: u64,
}

impl Drawing {
    /// A box and those above it; `hue` is its world's.
    fn node(&mut self, name: &str, node: &Node, x: f64, depth: usize, hue: usize) {
        let width = node.samples as f64 * self.scale;
        if width < NARROWEST {
            return;
        }
        let y = self.bottom - (depth + 1) as f64 * ROW;
        let colour =
            format!("hsl({},{}%,{}%)", hue * 67 % 360 + 20, if depth == 0 { 0 } else { 70 }, 68 + depth % 3 * 4);
        let letters = ((width - 4.0) / LETTER).max(0.0) as usize;
        let shown: String = if letters < 3 { String::new() } else { name.chars().take(letters).collect() };
        let percent = node.samples as f64 * 100.0 / self.all.max(1) as f64;
        // writing to a string does not fail
        let _ = writeln!(
            self.out,
            "<g><title>{} ({} samples, {percent:.2} %)</title><rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
             height=\"{}\" fill=\"{colour}\" rx=\"1\"/><text x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
            escaped(name),
            node.samples,
            x + MARGIN,
            ROW - 1.0,
            x + MARGIN + 2.0,
            y + 12.0,
            escaped(&shown)
        );
        let mut left = x;
        for (at, (name, above)) in node.above.iter().enumerate() {
            self.node(name, above, left, depth + 1, if depth == 0 { at + 1 } else { hue });
            left += above.samples as f64 * self.scale;
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn boxes_stand_on_their_callers() {
        let svg = super::svg(&super::super::tests::report());
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert!(svg.contains("<title>read (9 samples, 75.00 %)</title>"), "{svg}");
        assert!(svg.contains("idle&lt;&amp;&gt;") && !svg.contains("idle<"), "{svg}");
    }
}
