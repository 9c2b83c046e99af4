//! `vhart isa`: the instructions of the machine.

use std::process::ExitCode;

use anyhow::Result;
use arch::insn::{OPCODES, Opcode};
use arch::isa::Isa;

use crate::errors;

/// Prints a line for every instruction: its mnemonic, its extensions, and how the translator executes it.
pub fn print(isa: Isa) -> Result<ExitCode> {
    let translated = translated(isa)?;
    let mut text = format!("{:<16} {:<16} engine jit\n", "instruction", "extension");
    for &opcode in OPCODES.iter().filter(|opcode| opcode.row().needs.met_by(isa)) {
        let row = opcode.row();
        let needs: Vec<&str> = row.needs.all.names().chain(row.needs.or.map(|or| or.name())).collect();
        let how = engine_jit(translated.as_deref(), opcode);
        text += &format!("{:<16} {:<16} {how}\n", row.function.replace('_', "."), needs.join(" "));
    }
    errors::print(text)?;
    Ok(ExitCode::SUCCESS)
}

/// How engine `jit` executes an instruction, where there is that engine.
fn engine_jit(translated: Option<&[Opcode]>, opcode: Opcode) -> &'static str {
    match translated.map(|list| list.contains(&opcode)) {
        Some(true) => "generated",
        Some(false) => "interpreted",
        None => "-",
    }
}

/// The instructions with generated code, on hosts that code is generated for.
#[cfg(all(target_arch = "x86_64", unix))]
fn translated(isa: Isa) -> Result<Option<Vec<Opcode>>> {
    let all = jit::coverage(isa)?;
    Ok(Some(all.into_iter().filter(|(_, generated)| *generated).map(|(opcode, _)| opcode).collect()))
}

#[cfg(not(all(target_arch = "x86_64", unix)))]
fn translated(_isa: Isa) -> Result<Option<Vec<Opcode>>> {
    Ok(None)
}
