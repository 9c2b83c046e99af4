//! `vhart linux`: a host Linux with KVM, and a guest Linux inside it.

mod check;
pub mod console;
pub mod images;
mod lines;
mod making;
mod options;
mod packages;
mod progress;
mod record;
mod report;
pub mod software;

pub use self::check::early;
pub use self::console::Tail;
pub use self::images::{cache, nonce};
pub use options::{Options, Print, Rootfs};
pub use packages::PackageOptions;
pub use progress::Bars;
pub use software::{firmware, guest_memory};

use std::process::ExitCode;

use anyhow::Result;
use arch::isa::{Extension, Isa};
use board::map::VIRTIO_SLOTS;

use self::images::Images;

use crate::cli::{IsaOption, Port, RunOptions, Serial};
use crate::ending::Stopper;
use crate::serial::window;

/// Runs the subcommand.
///
/// # Errors
/// Where the images cannot be had, the machine cannot be run, or a check fails.
pub fn run(options: &Options) -> Result<ExitCode> {
    let stopper = Stopper::within(options.machine.timeout)?;
    options.json.iter().try_for_each(|file| crate::errors::check_file("report", file))?;
    crate::watchers::check_files(&options.machine)?;
    let port = crate::debugger::Port::open(&options.machine)?;
    lacking(options.machine.isa.as_ref()).iter().for_each(crate::errors::tell);
    let images = Images::prepare(options, &Bars::new())?;
    match options.print {
        Some(Print::Qemu) => images.print_qemu(options),
        // Whoever asks for the device tree alone runs nothing, unattended or not.
        None if options.is_unattended() && options.machine.dump_dtb.is_none() => {
            check::run(options, &images, &stopper, port)
        }
        None => crate::run::run_until(&with_window(images.run_options(options)), &stopper, port),
    }
}

/// What a Linux with KVM will miss in an instruction set of the user's, a sentence each.
pub fn lacking(isa: Option<&IsaOption>) -> Vec<&'static str> {
    let needed = [
        (
            Extension::Zicntr,
            "--isa has no zicntr: Linux wants the time before its first word, and may say none; add _zicntr",
        ),
        (Extension::H, "--isa has no h: there is no KVM without it, and no guest; add it, as in rv64gch_zicntr"),
    ];
    let missing = |isa: Isa| needed.into_iter().filter(move |(extension, _)| !isa.has(*extension));
    isa.and_then(IsaOption::own).into_iter().flat_map(missing).map(|(_, sentence)| sentence).collect()
}

/// The name of the port at which host and guest hear how large the window is; `init/window.sh` looks for it.
const WINDOW: &str = "vhart.window";

/// Tells the host's init how large the terminal's window is, and a port of it when that changes: a serial port has no
/// way to. A machine that is to do the same in every run is not told, and one that is saved or loaded has no port for
/// it.
fn with_window(mut run: RunOptions) -> RunOptions {
    let size = window::size().filter(|_| run.machine.deterministic.is_none());
    if let (Some(size), Some(append)) = (size, &mut run.append) {
        append.push_str(&format!(" vhart.size={}x{}", size.ws_row, size.ws_col));
        let devices = run.disks.len() + usize::from(run.net.is_some()) + run.shares.len();
        if devices < VIRTIO_SLOTS && !run.snapshots.is_wanted() {
            run.ports.push(Port { name: Some(WINDOW.to_owned()), number: None, slot: None, to: Serial::Window });
        }
    }
    run
}
