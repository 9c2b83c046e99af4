//! What a tool says on standard error while its other output is read.
//!
//! It is kept in memory: a full disk is among what tools have to say, and a file there would lack just that.

use std::io::Read;
use std::process::Child;
use std::thread::{self, JoinHandle};

/// Collects what a child process writes to its standard error.
#[derive(Debug)]
pub(crate) struct Words {
    reader: Option<JoinHandle<Vec<u8>>>,
}

impl Words {
    /// Begins to read; the child was made with a pipe for its standard error.
    pub(crate) fn of(child: &mut Child) -> Words {
        let reader = child.stderr.take().map(|mut pipe| {
            thread::spawn(move || {
                let mut text = Vec::new();
                // What came before a failure is worth having.
                let _ = pipe.read_to_end(&mut text);
                text
            })
        });
        Words { reader }
    }

    /// All of it, when the child has ended.
    pub(crate) fn text(self) -> String {
        let text = self.reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn words_are_kept_while_the_output_is_read() {
        // More than a pipe holds, on both.
        let script = "for n in $(seq 20000); do echo out $n; echo err $n >&2; done; exit 3";
        let mut child =
            Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let words = Words::of(&mut child);
        let mut output = String::new();
        child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(3));
        assert!(output.ends_with("out 20000\n") && words.text().ends_with("err 20000\n"));
    }
}
