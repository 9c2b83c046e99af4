//! The quantum's end in front of a block: the hart stands there, wherever it is.

use vcpu::Vcpu;

use crate::looping::{A0, A1, looping};

/// The addresses differ in how many bytes tell them: those that are sign-extended from 32 bits take four.
#[test]
fn a_hart_goes_on_where_its_quantum_ended() {
    for base in [0x1000_0000, 0x8000_0000, 0x7f_8000_0000] {
        let mut hart = looping(base);
        for budget in [1, 2, 3, 5, 100, 16_384, 20_000] {
            hart.run(budget);
            let done = hart.instret().unwrap();
            let hart = hart.hart();
            let (rounds, rest) = (done / 3, done % 3);
            assert_eq!(hart.core.pc, base + 4 * rest, "{base:#x}");
            let a0 = rounds + u64::from(rest > 0);
            let a1 = 2 * (rounds + u64::from(rest > 1));
            assert_eq!((hart.core.x[usize::from(A0)], hart.core.x[usize::from(A1)]), (a0, a1), "{base:#x}");
        }
        assert!(hart.instret().unwrap() >= 36_000);
    }
}
