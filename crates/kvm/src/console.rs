//! Where the guest's SBI console calls go.

/// The terminal behind the SBI console (DBCN and the legacy calls).
pub trait SbiConsole: Send {
    /// Shows `bytes`.
    fn write(&mut self, bytes: &[u8]);
    /// Takes what was typed, without waiting; answers how many bytes of `into` are filled.
    fn read(&mut self, into: &mut [u8]) -> usize;
}
