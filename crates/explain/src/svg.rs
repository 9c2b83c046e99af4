//! The walk as a drawing: a row for each level of the first stage, in which the G-stage's levels lead to its entry; the
//! last row is the G-stage of the access itself. What failed is red.

use std::fmt::Write as _;

use crate::data::{Explanation, Level, Stage, Walk};

const BOX_WIDTH: usize = 196;
const BOX_HEIGHT: usize = 54;
const GAP: usize = 26;
const ROW: usize = BOX_HEIGHT + 34;
const LEFT: usize = 24;
/// Characters in a line of the sentence.
const LINE: usize = 110;

/// A box.
struct Card<'a> {
    class: &'static str,
    lines: [String; 3],
    title: &'a str,
}

struct Canvas {
    out: String,
    y: usize,
    width: usize,
}

/// Explanations as one SVG document, below each other.
pub fn svg(explanations: &[Explanation]) -> String {
    let mut canvas = Canvas { out: String::new(), y: 30, width: 900 };
    for explanation in explanations {
        canvas.explanation(explanation);
    }
    let (width, height) = (canvas.width, canvas.y + 10);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"ui-monospace, monospace\" font-size=\"12\">\n<style>{STYLE}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{}</svg>\n",
        canvas.out
    )
}

const STYLE: &str = "text{fill:#111}.h{font-weight:bold}.s{font-size:11px}rect.first{fill:#dbe9ff;stroke:#36c}\
                     rect.guest{fill:#e6f5e0;stroke:#393}rect.end{fill:#fff7d6;stroke:#a80}\
                     rect.bad{fill:#ffd9d6;stroke:#c00;stroke-width:3}path{stroke:#555;fill:none}.bad{fill:#c00}";

impl Canvas {
    fn explanation(&mut self, explanation: &Explanation) {
        self.paragraph("h", &format!("hart {}: {}", explanation.hart, explanation.summary));
        if let Some(walk) = &explanation.walk {
            self.walk(walk, explanation);
        }
        if let Some(finding) = &explanation.finding {
            let bits: Vec<String> = finding.bits.iter().map(ToString::to_string).collect();
            self.paragraph("bad", &format!("{} {}", finding.sentence, bits.join(", ")));
            self.paragraph("s", &finding.manual.join("; "));
        }
        explanation.notes.iter().for_each(|note| self.paragraph("s", note));
        self.y += 30;
    }

    /// Text, wrapped.
    fn paragraph(&mut self, class: &str, text: &str) {
        let mut line = String::new();
        for word in text.split_whitespace() {
            if line.len() + word.len() > LINE {
                self.line(class, &line);
                line.clear();
            }
            line.push_str(word);
            line.push(' ');
        }
        self.line(class, &line);
    }

    fn line(&mut self, class: &str, text: &str) {
        self.text(LEFT, self.y, class, text.trim_end());
        self.y += 17;
    }

    fn text(&mut self, x: usize, y: usize, class: &str, text: &str) {
        let _ = writeln!(self.out, "<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{}</text>", escaped(text));
    }

    fn walk(&mut self, walk: &Walk, explanation: &Explanation) {
        self.y += 12;
        if let Some(first) = &walk.first {
            self.stage_label(first);
            for (at, level) in first.levels.iter().enumerate() {
                let failed = first.failed && at + 1 == first.levels.len();
                self.row(level, failed);
            }
        }
        if let Some(second) = &walk.second {
            self.stage_label(second);
            let x = self.guest_levels(second, LEFT);
            self.end(x, explanation);
        } else if let Some(target) = &explanation.target {
            let bad = !target.pmp.permits || target.what == "nothing";
            let lines = [format!("physical {}", target.physical), target.what.clone(), String::new()];
            self.card(LEFT, &Card { class: if bad { "bad" } else { "end" }, lines, title: "where it goes" });
            self.y += ROW;
        }
    }

    fn stage_label(&mut self, stage: &Stage) {
        let Stage { stage: name, register, value, mode, address, access, .. } = stage;
        self.line("h", &format!("{name}-stage: {register} = {value}, {mode}; {access} of {address}"));
        self.y += 4;
    }

    /// A level of the first stage: the G-stage that finds its entry, and the entry.
    fn row(&mut self, level: &Level, failed: bool) {
        let x = level.found_by.as_ref().map_or(LEFT, |stage| self.guest_cards(stage, LEFT));
        if level.entry.is_some() || failed {
            self.card(x, &level_card(level, if failed { "bad" } else { "first" }));
            self.width = self.width.max(x + BOX_WIDTH + LEFT);
        }
        self.y += ROW;
        if let Some(update) = &level.update_by {
            self.line("s", "to set A or D there:");
            self.guest_levels(update, LEFT);
            self.y += ROW;
        }
    }

    /// The G-stage's levels in a row, without going on to the next.
    fn guest_levels(&mut self, stage: &Stage, x: usize) -> usize {
        self.guest_cards(stage, x)
    }

    fn guest_cards(&mut self, stage: &Stage, mut x: usize) -> usize {
        for (at, level) in stage.levels.iter().enumerate() {
            let failed = stage.failed && at + 1 == stage.levels.len();
            self.card(x, &level_card(level, if failed { "bad" } else { "guest" }));
            x += BOX_WIDTH;
            self.arrow(x);
            x += GAP;
            self.width = self.width.max(x + BOX_WIDTH + LEFT);
        }
        x
    }

    fn end(&mut self, x: usize, explanation: &Explanation) {
        if let Some(target) = &explanation.target {
            let bad = !target.pmp.permits || target.what == "nothing";
            let lines = [format!("physical {}", target.physical), target.what.clone(), String::new()];
            self.card(x, &Card { class: if bad { "bad" } else { "end" }, lines, title: "where it goes" });
        }
        self.y += ROW;
    }

    fn card(&mut self, x: usize, card: &Card) {
        let (y, class, title) = (self.y - 10, card.class, escaped(card.title));
        let _ = writeln!(
            self.out,
            "<g><title>{title}</title><rect x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"5\" \
             class=\"{class}\"/></g>"
        );
        for (at, line) in card.lines.iter().enumerate() {
            self.text(x + 7, y + 16 + 15 * at, "s", line);
        }
    }

    fn arrow(&mut self, x: usize) {
        let y = self.y - 10 + BOX_HEIGHT / 2;
        let end = x + GAP;
        let _ = writeln!(self.out, "<path d=\"M{x} {y}H{end}m-6 -4l6 4l-6 4\"/>");
    }
}

fn level_card(level: &Level, class: &'static str) -> Card<'static> {
    let entry = level.entry.as_ref();
    Card {
        class,
        lines: [
            format!("level {} [{}] at {}", level.level, level.index, level.address),
            entry.map_or_else(|| "not read".into(), |entry| format!("{:#018x}", entry.value.0)),
            entry.map_or_else(String::new, |entry| format!("{} {}", entry.bits, entry.kind)),
        ],
        title: "page-table entry",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
