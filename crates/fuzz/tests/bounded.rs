//! Every target for a few seconds.

use fuzz::{TARGETS, bounded, target};

/// A test for each target, and one that none is left out.
macro_rules! bounded {
    ($($(#[$if:meta])* $name:ident)*) => {
        $(
            $(#[$if])*
            #[test]
            fn $name() {
                let inputs = bounded::run(target(stringify!($name)).unwrap());
                println!("{inputs} inputs");
                assert!(inputs > 10, "{inputs} inputs are too few to find anything");
            }
        )*

        #[test]
        fn no_target_is_left_out() {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            let tested = [$($(#[$if])* stringify!($name)),*];
            assert_eq!(names, tested);
        }
    };
}

bounded! {
    decode isa kernel initrd places tree devices aplic imsic
    virtio_block virtio_rng virtio_con virtio_ports virtio_net virtio_9p ninep frames
    sbi hypervisor trace snapshot symbols gdb traps work
    deb control module initramfs release index http settings
    #[cfg(all(target_arch = "x86_64", unix))] engines
}
