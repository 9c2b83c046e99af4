//! `monitor explain`.

use explain::{Question, Scene, Style};
use symbols::{Seen, Symbols};

use crate::Debugged;
use crate::target::{NO_HART, Stub};

/// What `--explain` says, of the current hart unless the question names another.
pub fn why<M: Debugged>(stub: &Stub<M>, question: &str) -> Result<String, String> {
    let question: Question = question.parse().map_err(|wrong: explain::Wrong| wrong.to_string())?;
    let hart = question.hart.unwrap_or(stub.current);
    if hart >= stub.machine.harts() {
        return Err(format!("there is no hart {hart}"));
    }
    let snapshot = stub.on(hart, |hart| hart.snapshot()).flatten().ok_or(NO_HART)?;
    let (ram, bus) = (stub.machine.ram(), stub.machine.bus());
    let (mut symbols, standing) = (Symbols::default(), snapshot.standing(ram));
    symbols.learn(&standing);
    let names = Seen { symbols: &symbols, hart: &standing, pc: snapshot.pc };
    let scene = Scene { hart: &snapshot, ram, bus, names: Some(&names) };
    let told = explain::explain(&scene, question.about).ok_or_else(|| format!("hart {hart} has had no such fault"))?;
    Ok(explain::text(&told, Style { colour: false }))
}
