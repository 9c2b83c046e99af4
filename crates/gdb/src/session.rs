//! One client's session: bytes in, bytes out.

use std::convert::Infallible;

use board::control::Why;
use gdbstub::common::Signal;
use gdbstub::conn::Connection;
use gdbstub::stub::state_machine::GdbStubStateMachine;
use gdbstub::stub::{DisconnectReason, GdbStub, MultiThreadStopReason};
use gdbstub::target::ext::breakpoints::WatchKind;
use vcpu::Reg;
use vcpu::debug::{Halt, Touch, Watch};

use crate::Debugged;
use crate::monitor::watch_in_words;
use crate::packets::{Incoming, MOST_BYTES, Packets, Wrong, framed};
use crate::target::{Stub, thread_of};

/// What a session has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on.
    GoesOn,
    /// The client has let go of the machine, which goes on.
    Detached,
    /// The client has ended the machine.
    Killed,
    /// No client sends this: half a sentence that it is the subject of.
    Failed(String),
}

/// What is sent, until somebody takes it.
#[derive(Default)]
struct Output(Vec<u8>);

impl Connection for Output {
    type Error = Infallible;

    fn write(&mut self, byte: u8) -> Result<(), Infallible> {
        self.0.push(byte);
        Ok(())
    }
    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

type Machine<M> = GdbStubStateMachine<'static, Stub<M>, Output>;

/// A client at a machine that stands.
pub struct Session<M: Debugged> {
    stub: Stub<M>,
    /// None once the session is over.
    machine: Option<Machine<M>>,
    packets: Packets,
    acknowledges: bool,
    output: Vec<u8>,
}

impl<M: Debugged> Session<M> {
    /// A session with nobody heard yet.
    pub fn new(machine: M) -> Session<M> {
        let mut stub = Stub::new(machine);
        let protocol = GdbStub::builder(Output::default()).packet_buffer_size(MOST_BYTES + 4).build();
        let machine = protocol.ok().and_then(|protocol| protocol.run_state_machine(&mut stub).ok());
        Session { stub, machine, packets: Packets::default(), acknowledges: true, output: Vec::new() }
    }

    /// What is to be sent.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Takes what the client sent.
    pub fn receive(&mut self, bytes: &[u8]) -> Outcome {
        for byte in bytes {
            let outcome = match self.packets.push(*byte) {
                Ok(None) => Outcome::GoesOn,
                Ok(Some(incoming)) => self.incoming(incoming),
                Err(Wrong::TooLong) => Outcome::Failed("sends a packet without end".into()),
                Err(Wrong::Rubbish) => Outcome::Failed("does not speak GDB's remote protocol".into()),
            };
            if outcome != Outcome::GoesOn {
                return outcome;
            }
        }
        Outcome::GoesOn
    }

    fn interrupt(&mut self) -> Outcome {
        // one that comes too late is for a machine that stands already
        if self.runs() {
            self.stub.machine.stop();
        }
        Outcome::GoesOn
    }

    fn incoming(&mut self, incoming: Incoming) -> Outcome {
        match incoming {
            Incoming::Interrupt => self.interrupt(),
            Incoming::Damaged if self.acknowledges => {
                self.output.push(b'-');
                Outcome::GoesOn
            }
            Incoming::Damaged => Outcome::Failed("sends packets with wrong checksums".into()),
            Incoming::Packet(packet) => self.packet(&packet),
        }
    }

    /// Whether the client waits for the machine to stop.
    pub(crate) fn runs(&self) -> bool {
        matches!(self.machine, Some(GdbStubStateMachine::Running(_)))
    }

    fn packet(&mut self, packet: &[u8]) -> Outcome {
        let ends = matches!(packet, b"k") || packet.starts_with(b"D") || packet.starts_with(b"vKill");
        if self.runs() && !ends {
            // while harts run there is nothing to look at
            return Outcome::GoesOn;
        }
        if let Some(answer) = self.own_answer(packet) {
            let acknowledged: &[u8] = if self.acknowledges { b"+" } else { b"" };
            self.output.extend([acknowledged, &framed(answer.as_bytes())].concat());
            return Outcome::GoesOn;
        }
        self.note_thread(packet);
        let outcome = self.pass_on(&framed(packet));
        if packet == b"QStartNoAckMode" {
            self.acknowledges = false;
        }
        if packet.starts_with(b"qSupported") {
            self.add_features();
        }
        outcome
    }

    /// Takes one of QEMU's settings.
    fn set(&mut self, text: &str) -> Option<()> {
        if let Some(value) = text.strip_prefix("Qqemu.PhyMemMode:") {
            self.stub.physical = value != "0";
            return Some(());
        }
        let value = text.strip_prefix("Qqemu.sstep=")?;
        let bits = u8::from_str_radix(value.trim_start_matches("0x"), 16).ok()?;
        self.stub.interrupts = bits & SSTEP_NOIRQ == 0;
        Some(())
    }

    /// Answers what `gdbstub` does not know.
    fn own_answer(&mut self, packet: &[u8]) -> Option<String> {
        let text = std::str::from_utf8(packet).ok()?;
        if let Some(range) = text.strip_prefix("qXfer:threads:read::") {
            return Some(part(&self.threads(), range));
        }
        match text {
            _ if text.starts_with("Qqemu.") => self.set(text).map(|()| "OK".into()),
            "qqemu.PhyMemMode" => Some(u8::from(self.stub.physical).to_string()),
            "qqemu.sstepbits" => Some(format!("ENABLE=1,NOIRQ={SSTEP_NOIRQ},NOTIMER=4")),
            "qqemu.sstep" => Some(if self.stub.interrupts { "0x1" } else { "0x7" }.into()),
            "qC" => Some(format!("QC{}", thread_id(self.stub.current))),
            _ => None,
        }
    }

    /// The list of threads: GDB manual, "Thread List Format".
    fn threads(&self) -> String {
        let thread = |hart| {
            let words = self.stub.hart_in_words(hart);
            format!("<thread id=\"{}\" core=\"{hart}\" name=\"{words}\"/>", thread_id(hart))
        };
        let all: String = (0..self.stub.machine.harts()).map(thread).collect();
        format!("<?xml version=\"1.0\"?><threads>{all}</threads>")
    }

    /// Which hart the client looks at.
    fn note_thread(&mut self, packet: &[u8]) {
        let text = std::str::from_utf8(packet).unwrap_or_default();
        let Some(id) = text.strip_prefix("Hg") else { return };
        let thread = id.rsplit('.').next().and_then(|id| usize::from_str_radix(id, 16).ok());
        let hart = thread.and_then(|thread| thread.checked_sub(1));
        self.stub.current = hart.filter(|hart| *hart < self.stub.machine.harts()).unwrap_or(0);
    }

    /// Lets `gdbstub` answer.
    fn pass_on(&mut self, frame: &[u8]) -> Outcome {
        for byte in frame {
            let stub = &mut self.stub;
            let next = match self.machine.take() {
                Some(GdbStubStateMachine::Idle(machine)) => machine.incoming_data(stub, *byte),
                Some(GdbStubStateMachine::Running(machine)) => machine.incoming_data(stub, *byte),
                other => {
                    self.machine = other;
                    break;
                }
            };
            match next {
                Ok(machine) => self.machine = Some(machine),
                Err(error) => return Outcome::Failed(format!("sends what makes no sense: {error}")),
            }
        }
        self.settle()
    }

    /// Takes what `gdbstub` has written, and looks at where it is.
    fn settle(&mut self) -> Outcome {
        let Some(machine) = &mut self.machine else { return Outcome::GoesOn };
        let (written, outcome) = match machine {
            GdbStubStateMachine::Idle(machine) => (machine.borrow_conn(), Outcome::GoesOn),
            GdbStubStateMachine::Running(machine) => (machine.borrow_conn(), Outcome::GoesOn),
            GdbStubStateMachine::CtrlCInterrupt(machine) => (machine.borrow_conn(), Outcome::GoesOn),
            GdbStubStateMachine::Disconnected(machine) => {
                let outcome = left(&machine.get_reason());
                (machine.borrow_conn(), outcome)
            }
        };
        self.output.append(&mut written.0);
        outcome
    }

    /// Says what else there is in the answer to `qSupported`, the last that was written.
    fn add_features(&mut self) {
        let Some(start) = self.output.iter().rposition(|byte| *byte == b'$') else { return };
        let frame = self.output.split_off(start);
        let packet = frame.get(1..frame.len().saturating_sub(3)).unwrap_or_default();
        self.output.extend(framed(&[packet, b";qXfer:threads:read+"].concat()));
    }

    /// Tells the client that the machine stopped, if it waits for that.
    pub fn stopped(&mut self, hart: usize, why: &Why) -> Outcome {
        if !self.runs() {
            return Outcome::GoesOn;
        }
        if let Some(text) = self.own_point(why) {
            self.output.extend(framed(format!("O{}", hex::encode(format!("hart {hart}: {text}\n"))).as_bytes()));
        }
        self.stub.current = hart;
        self.stub.on(hart, |hart| hart.all_stand());
        let reason = self.reason(hart, why);
        self.report(reason)
    }

    /// What was met that the client does not know of, as it was asked for through `monitor`, in words.
    fn own_point(&self, why: &Why) -> Option<String> {
        match why {
            Why::Met(Halt::Event(text)) => Some(text.clone()),
            Why::Met(met @ Halt::Watch { .. }) if !self.stub.watches.iter().any(|watch| is_met(watch, met)) => {
                self.stub.own.watches.iter().find(|watch| is_met(watch, met)).map(watch_in_words)
            }
            _ => None,
        }
    }

    /// Tells the client that the machine has ended with this status.
    pub fn ended(&mut self, status: u8) {
        self.report(MultiThreadStopReason::Exited(status));
    }

    fn report(&mut self, reason: MultiThreadStopReason<u64>) -> Outcome {
        match self.machine.take() {
            Some(GdbStubStateMachine::Running(machine)) => match machine.report_stop(&mut self.stub, reason) {
                Ok(machine) => self.machine = Some(machine),
                Err(error) => return Outcome::Failed(format!("cannot be told: {error}")),
            },
            other => self.machine = other,
        }
        self.settle()
    }

    fn reason(&self, hart: usize, why: &Why) -> MultiThreadStopReason<u64> {
        let tid = thread_of(hart);
        let signal = |signal| MultiThreadStopReason::SignalWithThread { tid, signal };
        match why {
            Why::Asked => signal(Signal::SIGINT),
            Why::Stepped | Why::Met(Halt::Event(_)) => signal(Signal::SIGTRAP),
            // GDB goes on at once where it does not know the watchpoint
            Why::Met(Halt::Watch { .. }) if self.own_point(why).is_some() => signal(Signal::SIGTRAP),
            Why::Met(Halt::Watch { touch, address }) => {
                let kind = match touch {
                    Touch::Read => WatchKind::Read,
                    Touch::Write => WatchKind::Write,
                    Touch::Any => WatchKind::ReadWrite,
                };
                MultiThreadStopReason::Watch { tid, kind, addr: *address }
            }
            Why::Met(Halt::Break) => {
                let pc = self.stub.on(hart, |hart| hart.reg(Reg::Pc)).unwrap_or_default();
                match () {
                    () if self.stub.soft.contains(&pc) => MultiThreadStopReason::SwBreak(tid),
                    () if self.stub.hard.contains(&pc) => MultiThreadStopReason::HwBreak(tid),
                    () => signal(Signal::SIGTRAP),
                }
            }
        }
    }

    /// The machine.
    pub fn machine(&self) -> &M {
        &self.stub.machine
    }
}

/// QEMU's bit for steps without interrupts.
const SSTEP_NOIRQ: u8 = 2;

/// Whether this watchpoint is the one that was met.
fn is_met(watch: &Watch, met: &Halt) -> bool {
    *met == Halt::Watch { touch: watch.touch, address: watch.address }
}

fn thread_id(hart: usize) -> String {
    format!("p1.{:x}", hart + 1)
}

/// Part of a text that is read piece by piece: `offset,length` in hexadecimal digits.
fn part(text: &str, range: &str) -> String {
    let read = |digits| usize::from_str_radix(digits, 16).ok();
    let Some((offset, length)) = range.split_once(',').and_then(|(a, b)| read(a).zip(read(b))) else {
        return "E01".into();
    };
    let rest = text.get(offset..).unwrap_or_default();
    match rest.get(..length.min(MOST_BYTES / 2)) {
        Some(piece) if piece.len() < rest.len() => format!("m{piece}"),
        _ => format!("l{rest}"),
    }
}

/// How a debugger left.
fn left(reason: &DisconnectReason) -> Outcome {
    match reason {
        DisconnectReason::Kill => Outcome::Killed,
        _ => Outcome::Detached,
    }
}
