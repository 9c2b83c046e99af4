//! `vhart trace FILE`: prints a trace, or makes packets for Perfetto of it.

use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use events::{Event, Stamp};
use trace::{Perfetto, Printer, Reader};

use crate::cli::TraceOptions;
use crate::errors;

/// Runs the subcommand.
///
/// # Errors
/// The trace or its symbols cannot be read, or what is made of them cannot be written.
pub fn run(options: &TraceOptions) -> Result<ExitCode> {
    let path = options.file.as_deref().unwrap_or(Path::new(""));
    let failed = || format!("cannot read trace '{}'", path.display());
    let file = File::open(path).with_context(failed)?;
    let mut reader = Reader::new(BufReader::new(file)).with_context(failed)?;
    let mut symbols = crate::explaining::files(&options.symbols)?;
    reader.names(&mut symbols);
    let printer = Printer::new(symbols, reader.devices().to_vec()).with_processes(reader.processes());
    match &options.perfetto {
        None => print(&mut reader, options, &printer)?,
        Some(file) => export(&mut reader, options, printer, file)?,
    }
    Ok(match reader.damage() {
        None => ExitCode::SUCCESS,
        Some(damage) => {
            errors::tell(format!("trace '{}': {damage}", path.display()));
            ExitCode::FAILURE
        }
    })
}

type Trace = Reader<BufReader<File>>;

/// Hands all events that the user wants to see to `take`.
fn each(
    reader: &mut Trace,
    options: &TraceOptions,
    mut take: impl FnMut(&Stamp, &Event) -> std::io::Result<()>,
) -> Result<()> {
    while let Some((stamp, event)) = reader.next_event().context("cannot read the trace")? {
        if options.filter.as_ref().is_none_or(|filter| filter.passes(&stamp, &event)) {
            take(&stamp, &event)?;
        }
    }
    Ok(())
}

fn print(reader: &mut Trace, options: &TraceOptions, printer: &Printer) -> Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let printed = each(reader, options, |stamp, event| writeln!(out, "{}", printer.line(stamp, event)));
    let printed = printed.and_then(|()| Ok(out.flush()?));
    let is_closed = |error: &anyhow::Error| {
        error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    };
    match printed {
        Err(error) if is_closed(&error) => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

fn export(reader: &mut Trace, options: &TraceOptions, printer: Printer, file: &Path) -> Result<()> {
    let failed = || format!("cannot write packets for Perfetto to '{}'", file.display());
    let to: Box<dyn Write> = match file.as_os_str() == errors::STANDARD_OUTPUT {
        true => Box::new(std::io::stdout().lock()),
        false => Box::new(File::create(file).with_context(failed)?),
    };
    let mut perfetto = Perfetto::new(BufWriter::new(to), printer, reader.devices().to_vec());
    each(reader, options, |stamp, event| perfetto.event(stamp, event)).with_context(failed)?;
    perfetto.finish().with_context(failed)
}
