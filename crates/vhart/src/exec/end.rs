//! What a machine has come to.

use board::Ending as MachineEnding;

use super::heard::Heard;
use super::session::Stage;
use crate::debugger::Debugger;

/// A machine that has ended.
pub struct End {
    /// How.
    pub ending: MachineEnding,
    /// How far its programs came.
    pub stage: Stage,
    /// What they said.
    pub heard: Heard,
    /// Why output was lost, where it was.
    pub lost: Option<String>,
    /// A program could not be ended whose time was up.
    pub stuck: bool,
    /// Who is to be told of the status.
    pub debugger: Debugger,
}
