//! `FILE[,FILTER...]`: a trace to be written.

use std::path::PathBuf;

use trace::Filter;

/// A trace to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// Where to.
    pub file: PathBuf,
    /// Of what.
    pub filter: Filter,
}

impl Traced {
    /// Reads what the user says. A comma in the file's name is written twice.
    ///
    /// # Errors
    /// One sentence that says which word is wrong.
    pub fn read(text: &str) -> Result<Traced, String> {
        let separated = text.replace(",,", "\0");
        let mut parts = separated.split(',');
        let file = parts.next().unwrap_or_default().replace('\0', ",");
        if ["enable=", "events=", "file="].iter().any(|word| file.starts_with(word)) {
            return Err(
                "that is QEMU's -trace; vhart's takes FILE[,FILTER...], as in --trace run.vht,event=trap".into()
            );
        }
        if file.is_empty() {
            return Err("name the file to write, as in --trace run.vht,event=trap+return".into());
        }
        Ok(Traced { file: file.into(), filter: Filter::parse(parts)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_follow_the_file() {
        let traced = Traced::read("a,,b.vht,event=trap,vmid=1").unwrap();
        assert_eq!(traced.file, PathBuf::from("a,b.vht"));
        assert_eq!(traced.filter, Filter::parse(["event=trap", "vmid=1"]).unwrap());
        assert!(Traced::read("enable=virtio*").unwrap_err().contains("QEMU's"));
        assert!(Traced::read(",event=trap").is_err() && Traced::read("a,b").unwrap_err().contains("'b' is no filter"));
    }
}
