//! Ctrl-A C: lines for vhart itself, in QEMU's words, until Ctrl-A C is typed again.

use std::path::PathBuf;

/// What stands before what is typed.
pub const PROMPT: &str = "(vhart) ";
/// What `help` shows.
const HELP: &str = "\
savevm [FILE]  saves the machine to FILE, or where --save-snapshot says, and goes on
quit           ends the machine
help           shows this
Ctrl-A C       leads to the machine again
";

/// Most bytes of a line.
const MOST_BYTES: usize = 4096;
const CTRL_U: u8 = 0x15;
const BACKSPACE: u8 = 8;
const DELETE: u8 = 0x7f;

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Nothing.
    Nothing,
    /// Save the machine, where it says.
    Save(Option<PathBuf>),
    /// End the machine.
    Quit,
    /// Only that this is shown.
    Show(String),
}

impl Command {
    /// Of a line.
    fn of(line: &str) -> Command {
        let (word, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
        let file = Some(rest.trim()).filter(|rest| !rest.is_empty());
        match word {
            "" => Command::Nothing,
            "savevm" => Command::Save(file.map(PathBuf::from)),
            "q" | "quit" => Command::Quit,
            "?" | "help" => Command::Show(HELP.to_owned()),
            "loadvm" => {
                Command::Show("vhart goes on from a snapshot only as it begins: --load-snapshot FILE\n".to_owned())
            }
            _ => {
                Command::Show(format!("there is no command '{}' here; help lists what there is\n", word.escape_debug()))
            }
        }
    }
}

/// A line that is being typed.
#[derive(Default)]
pub struct Line(Vec<u8>);

impl Line {
    /// Takes the next byte. Answers what the terminal is to show of it, and what the line asks for once it is whole.
    pub fn feed(&mut self, byte: u8) -> (Vec<u8>, Option<Command>) {
        match byte {
            b'\r' | b'\n' => {
                let line = std::mem::take(&mut self.0);
                (b"\n".to_vec(), Some(Command::of(&String::from_utf8_lossy(&line))))
            }
            DELETE | BACKSPACE => (self.shorten(), None),
            CTRL_U => (
                std::iter::from_fn(|| Some(self.shorten()).filter(|shown| !shown.is_empty())).flatten().collect(),
                None,
            ),
            byte if byte >= b' ' && self.0.len() < MOST_BYTES => {
                self.0.push(byte);
                (vec![byte], None)
            }
            _ => (Vec::new(), None),
        }
    }

    /// Takes the last character away. Answers what takes it from the terminal.
    fn shorten(&mut self) -> Vec<u8> {
        let is_inner = |byte: &u8| byte & 0xc0 == 0x80;
        while self.0.pop_if(|byte| is_inner(byte)).is_some() {}
        self.0.pop().map(|_| b"\x08 \x08".to_vec()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What lines ask for, and what is shown of them.
    fn typed(bytes: &[u8]) -> (Vec<Command>, String) {
        let mut line = Line::default();
        let (mut commands, mut shown) = (Vec::new(), Vec::new());
        for &byte in bytes {
            let (echo, command) = line.feed(byte);
            shown.extend(echo);
            commands.extend(command);
        }
        (commands, String::from_utf8(shown).unwrap())
    }

    #[test]
    fn commands_are_qemu_s() {
        let save = |file: &str| Command::Save(Some(file.into()));
        let (commands, _) = typed(b"savevm a b.snapshot\rsavevm\n\nq\r  savevm  x \r");
        assert_eq!(commands, [save("a b.snapshot"), Command::Save(None), Command::Nothing, Command::Quit, save("x")]);
    }

    #[test]
    fn what_there_is_not_is_said() {
        let (commands, _) = typed(b"info \x1b\rloadvm x\rhelp\r");
        let [Command::Show(other), Command::Show(load), Command::Show(help)] = &commands[..] else {
            panic!("{commands:?}")
        };
        assert!(
            other.contains("no command 'info'")
                && load.contains("--load-snapshot FILE")
                && help.contains("savevm [FILE]")
        );
    }

    #[test]
    fn a_line_can_be_mended() {
        assert_eq!(typed("qü\x7f\x7f\x7fq\r".as_bytes()), (vec![Command::Quit], "qü\x08 \x08\x08 \x08q\n".to_owned()));
        assert_eq!(typed(b"sav\x15quit\r").0, [Command::Quit]);
    }

    #[test]
    fn a_line_has_an_end() {
        let (commands, shown) = typed(&[&b"x".repeat(MOST_BYTES + 9)[..], b"\r"].concat());
        assert_eq!((commands.len(), shown.len()), (1, MOST_BYTES + 1));
    }
}
