//! Several harts under a debugger: on threads and in turns, both engines.

use std::io::Write;
use std::time::Duration;

use crate::client::{Client, Debugged};
use crate::common::Programs;
use crate::{COUNTER, S0};

/// Where harts.s counts and stores, and the counters of its harts.
const COUNTS: u64 = 0x8000_0100;
const COUNTED: u64 = COUNTS + 4;
const BEHIND: u64 = COUNTED + 4;

/// Every way to run them.
fn several() -> impl Iterator<Item = (Vec<&'static str>, usize)> {
    let all = ["interp", "jit"].into_iter().flat_map(|engine| [(engine, "2"), (engine, "4")]);
    all.flat_map(|(engine, harts)| {
        let way = vec!["run", "--firmware", "none", "--engine", engine, "--harts", harts];
        let turns = [&way[..], &["--deterministic"]].concat();
        [way, turns].map(|way| (way, harts.parse().unwrap()))
    })
}

/// The hart that a stop is about.
fn stopped(stop: &str) -> usize {
    let (_, thread) = stop.split_once("thread:p01.").unwrap_or_else(|| panic!("{stop}"));
    usize::from_str_radix(thread.split(';').next().unwrap(), 16).unwrap() - 1
}

impl Client {
    fn look_at(&mut self, hart: usize) {
        assert_eq!(self.ask(&format!("Hgp1.{:x}", hart + 1)), "OK");
    }

    /// The harts' counters in memory.
    fn counters(&mut self, harts: usize) -> Vec<u64> {
        (0..harts as u64).map(|hart| self.memory(COUNTER + 8 * hart)).collect()
    }

    /// Where each hart is.
    fn pcs(&mut self, harts: usize) -> Vec<u64> {
        let pc = |hart| {
            self.look_at(hart);
            self.pc()
        };
        (0..harts).map(pc).collect()
    }

    /// Lets harts go on as this says, for a moment.
    fn let_run(&mut self, actions: &str) {
        self.send(actions);
        std::thread::sleep(Duration::from_millis(30));
        self.stream.write_all(&[3]).unwrap();
        assert!(self.reply().starts_with("T02"), "{actions}");
    }
}

#[test]
fn no_hart_passes_a_breakpoint_unseen() {
    let programs = Programs::new();
    let file = programs.bare("harts", &[]);
    for (way, harts) in several() {
        let machine = Debugged::start(&way, &file, &["--paused"]);
        let mut client = machine.client();
        assert_eq!(client.ask(&format!("Z0,{COUNTED:x},4")), "OK");
        let mut rounds = vec![0; harts];
        while rounds.iter().any(|count| *count < 20) {
            let stop = client.go();
            let hart = stopped(&stop);
            client.look_at(hart);
            rounds[hart] += 1;
            assert!(stop.contains("swbreak") && client.pc() == COUNTED, "{way:?}: {stop}");
            assert_eq!(client.register(S0), rounds[hart], "{way:?}: hart {hart} was there before");
        }
    }
}

#[test]
fn no_hart_passes_a_watchpoint_unseen() {
    let programs = Programs::new();
    let file = programs.bare("harts", &[]);
    for (way, harts) in several() {
        let machine = Debugged::start(&way, &file, &["--paused"]);
        let mut client = machine.client();
        // one point for each, as GDB knows which was met by its address
        for hart in 0..harts as u64 {
            assert_eq!(client.ask(&format!("Z2,{:x},8", COUNTER + 8 * hart)), "OK");
        }
        let mut rounds = vec![0; harts];
        while rounds.iter().any(|count| *count < 20) {
            let stop = client.go();
            let hart = stopped(&stop);
            client.look_at(hart);
            rounds[hart] += 1;
            assert!(stop.contains(&format!("watch:{:x};", COUNTER + 8 * hart as u64)), "{way:?}: {stop}");
            assert_eq!((client.pc(), client.register(S0)), (BEHIND, rounds[hart]), "{way:?}: hart {hart}");
        }
    }
}

#[test]
fn one_hart_moves_while_others_stand() {
    let programs = Programs::new();
    let file = programs.bare("harts", &[]);
    for (way, harts) in several() {
        let machine = Debugged::start(&way, &file, &["--paused"]);
        let mut client = machine.client();
        client.let_run("vCont;c");
        assert!(client.counters(harts).iter().all(|count| *count > 0), "{way:?}");
        let last = harts - 1;
        let before = (client.counters(harts), client.pcs(harts));
        // GDB's step with scheduler-locking on: nobody but the thread is named
        let mut steps = Vec::new();
        for _ in 0..8 {
            assert!(client.ask(&format!("vCont;s:p1.{harts:x}")).starts_with("T05"), "{way:?}");
            let pcs = client.pcs(harts);
            assert_eq!(pcs[..last], before.1[..last], "{way:?}");
            steps.push(pcs[last]);
        }
        assert!(steps.contains(&COUNTED) && steps.contains(&BEHIND), "{way:?}: {steps:x?}");
        let counters = client.counters(harts);
        assert_eq!(counters[..last], before.0[..last], "{way:?}");
        assert!((1..3).contains(&(counters[last] - before.0[last])), "{way:?}");
        // and its continue
        client.let_run(&format!("vCont;c:p1.{harts:x}"));
        let after = client.counters(harts);
        assert_eq!(
            (&after[..last], client.pcs(harts)[..last].to_vec()),
            (&counters[..last], before.1[..last].to_vec())
        );
        assert!(after[last] > counters[last] + 10, "{way:?}");
        // a step of one while others go on
        assert!(client.ask("vCont;s:p1.1;c").starts_with("T05"), "{way:?}");
        client.let_run("vCont;c");
        assert!(client.counters(harts).iter().zip(&after).all(|(now, then)| now > then), "{way:?}");
    }
}
