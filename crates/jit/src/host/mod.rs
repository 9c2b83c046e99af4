//! The seam to the host: what a back end is.
//!
//! Above it all is the guest's: which instructions make a block, what each of them does, where it goes on, what was
//! made of which page. Below it is everything that knows a processor: its instructions and registers, how far its jumps
//! reach and how one is changed later, what has to be done before new code is executed, and which orders of memory
//! accesses it keeps by itself.
//!
//! A back end is a [`Backend`], which makes code and runs it, and its [`Emitter`], which makes the code of one run of
//! blocks from trees. `x64` is one; `toy`, whose code is a bytecode that it interprets itself, is another, for tests.

use fp::Flags;
use hart::engine::Core;

mod emitter;

pub use emitter::{
    Atomics, BlockExit, Blocks, Csrs, Emitter, Fence, Floats, Loads, Ordering, Registers, SecondHalf, Span, System,
};

/// Longest block. What counts its instructions in generated code may be a signed byte.
pub const MAX_INSNS: u8 = 64;

/// The bits of `fflags`; in `fcsr` the rounding mode is above them.
pub const FFLAGS: u64 = 0x1f;

/// Code for a processor, and how it is run.
pub trait Backend: Sized + Send + 'static {
    /// Makes the code of a run of blocks.
    type Emitter: Emitter;
    /// What the code of a hart has in common: addresses of the code between blocks, of the ways in and out, and of
    /// those to `Runtime`.
    type Stubs: Clone + Default + Send;

    /// Size of a slow path, in bytes. All slow paths lie one behind the other: where one is says which it is.
    const SLOW_PATH_BYTES: usize;
    /// Bytes of code at most. Within so many, every jump of the back end's reaches every place.
    const REACH: usize;
    /// Room that the hot code of a run of blocks needs at most, in bytes; also that of [`Backend::stubs`].
    const ROOM: usize;
    /// Room that its cold code and its slow paths need at most, each.
    const SMALL_ROOM: usize;

    /// What generated code needs of the host.
    ///
    /// # Errors
    /// The features that are missing.
    fn check_host() -> Result<(), String>;

    /// Makes the code between blocks, for slow paths that begin where the first of these places is; it is hot code.
    fn stubs<R: Runtime>(places: &Places) -> (Self::Stubs, Made);

    /// An emitter to these addresses, which uses the memory of what was made before.
    fn emitter(places: Places, stubs: Self::Stubs, used: Made) -> Self::Emitter;

    /// Runs `code`, which was made for the state of `runtime`'s hart, until something wants to leave. `stubs` were made
    /// for the same type of runtime.
    fn enter<R: Runtime>(stubs: &Self::Stubs, runtime: &mut R, code: u64);

    /// The four bytes that, put to where a `Link` can be changed, let its jump go to `to`.
    fn retarget(at: u64, to: u64) -> [u8; 4];

    /// This code was written to where it is executed, at `at`: does what the host asks for before it is. Nobody is
    /// executing what was there.
    fn written(stubs: &Self::Stubs, at: u64, code: &[u8]);

    /// Takes the flags that floating point has raised on this thread since they were taken last.
    fn take_flags() -> Flags;

    /// Forgets the flags that the host's own code has raised on this thread.
    fn drop_flags();

    /// Lets the host's own code run, which leaves the flags as they are.
    fn keep_flags(run: impl FnOnce());
}

/// What generated code runs in, and calls. The answers say where it goes on: [`LEAVE`], or at the address of code.
pub trait Runtime {
    /// The hart.
    fn core(&mut self) -> &mut Core;

    /// Runs an instruction through the interpreter, that of the slow path which this offset in the slow paths is in.
    /// Another answer is [`GO_ON`].
    fn interpret(&mut self, offset: u64) -> u64;

    /// Finds code for the hart's pc.
    fn find(&mut self) -> u64;

    /// Executes the instruction at the hart's pc through the interpreter, fetched anew.
    fn single(&mut self) -> u64;

    /// Executes this instruction, with these bits, at the hart's pc.
    fn system(&mut self, system: System, raw: u64) -> u64;

    /// Finds code for a jump within a page and lets it go there.
    fn link(&mut self, site: u64) -> u64;
}

/// [`Runtime::interpret`]: goes on behind the instruction.
pub const GO_ON: u64 = 0;
/// Generated code is to be left.
pub const LEAVE: u64 = 1;

/// Where the code of a run of blocks goes.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// Its hot code.
    pub hot: u64,
    /// Its cold code.
    pub cold: u64,
    /// Its slow paths.
    pub slow_paths: u64,
}

/// What came of a run of blocks, in memory that can be used again.
#[derive(Default)]
pub struct Made {
    /// Hot code.
    pub hot: Vec<u8>,
    /// Cold code.
    pub cold: Vec<u8>,
    /// Slow paths.
    pub slow_paths: Vec<u8>,
    /// Links that can be changed.
    pub links: Vec<Link>,
}

/// A jump whose target is known when it is first taken.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// The site that is given to [`Runtime::link`].
    pub site: u32,
    /// Address of the four bytes, of hot code, that are to be changed: see [`Backend::retarget`].
    pub patch: u64,
}
