//! `--load`: files and numbers in memory beside kernel and firmware.

use board::loader::{Content, Load};

use super::properties::{Properties, number};

/// Reads `FILE` or QEMU's `file=FILE,addr=ADDRESS,cpu-num=N,force-raw=on`, and
/// `addr=ADDRESS,data=NUMBER,data-len=BYTES`.
pub fn parse(text: &str) -> Result<Load, String> {
    let mut all = Properties::read("--load", text, Some("file"));
    let unnamed = |why: String| why.trim_start_matches("--load: ").to_owned();
    let load = read(&mut all).map_err(unnamed)?;
    all.finish().map_err(unnamed)?;
    Ok(load)
}

fn read(all: &mut Properties) -> Result<Load, String> {
    let address = all.take_number("addr")?;
    let hart = all.take_number("cpu-num")?.map(|hart| usize::try_from(hart).unwrap_or(usize::MAX));
    let content = content(all, hart)?;
    match (&content, address) {
        (Content::Bytes(_), None) => Err("which address? Write addr=ADDRESS".into()),
        _ => Ok(Load { content, address, hart }),
    }
}

/// What is loaded: nothing, where only a hart is to begin somewhere.
fn content(all: &mut Properties, hart: Option<usize>) -> Result<Content, String> {
    let file = all.take("file");
    let data = all.take("data").map(|data| number(&data).ok_or_else(|| all.wrong("data", "a number", &data)));
    let raw = all.take_switch("force-raw")?.unwrap_or(false);
    match (file, data.transpose()?) {
        (Some(_), Some(_)) => Err("either file or data, not both".into()),
        (Some(file), None) => Ok(Content::File { file: file.into(), raw }),
        (None, Some(data)) => Ok(Content::Bytes(bytes(all, data)?)),
        (None, None) if hart.is_some() => Ok(Content::Bytes(Vec::new())),
        (None, None) => Err("which file? Write file=FILE,addr=ADDRESS".into()),
    }
}

/// A number of `data-len` bytes, the lowest first unless `data-be` is on.
fn bytes(all: &mut Properties, data: u64) -> Result<Vec<u8>, String> {
    let len = all.take_number("data-len")?.ok_or("how many bytes has data? Write data-len=1 to 8")?;
    let len = usize::try_from(len).ok().filter(|len| (1..=8).contains(len)).ok_or("data-len is 1 to 8")?;
    let mut bytes = data.to_le_bytes()[..len].to_vec();
    if data.to_le_bytes()[len..].iter().any(|&byte| byte != 0) {
        return Err(format!("data={data:#x} has more than the {len} bytes of data-len"));
    }
    if all.take_switch("data-be")?.unwrap_or(false) {
        bytes.reverse();
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use board::loader::Content;

    #[test]
    fn files_go_to_an_address_or_where_they_say() {
        let file = |raw| Content::File { file: "a.bin".into(), raw };
        assert_eq!(parse("a.bin"), Ok(Load { content: file(false), address: None, hart: None }));
        let there = Load { content: file(true), address: Some(0x8020_0000), hart: Some(1) };
        assert_eq!(parse("file=a.bin,addr=0x80200000,force-raw=on,cpu-num=1"), Ok(there));
    }

    #[test]
    fn numbers_have_a_length_and_an_order() {
        let bytes = |bytes: &[u8]| Content::Bytes(bytes.to_vec());
        let loaded = |text| parse(text).map(|load| load.content);
        assert_eq!(loaded("addr=0x1000,data=0x1234,data-len=2"), Ok(bytes(&[0x34, 0x12])));
        assert_eq!(loaded("addr=0x1000,data=0x1234,data-len=4,data-be=on"), Ok(bytes(&[0, 0, 0x12, 0x34])));
        assert_eq!(loaded("addr=0x1000,cpu-num=0"), Ok(bytes(&[])));
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        for text in [
            "",
            "addr=0x1000",
            "addr=0x1000,data=1",
            "data=1,data-len=1",
            "addr=0,data=256,data-len=1",
            "addr=0,data=1,data-len=9",
            "file=a,data=1,data-len=1",
            "file=a,addr=here",
            "file=a,color=red",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
