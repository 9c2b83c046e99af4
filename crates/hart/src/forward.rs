//! What a hart with another way of executing leaves to the [`crate::Hart`] in its field `hart`: the methods of `Vcpu`
//! and `EmulatedHart` that have nothing to do with how instructions are executed.

/// Methods that the field `hart` answers, with `&self` or `&mut self`.
#[doc(hidden)]
#[macro_export]
macro_rules! forward_to_hart {
    (&self: $($name:ident($($arg:ident: $type:ty),*) $(-> $answer:ty)?;)*) => {
        $(fn $name(&self $(, $arg: $type)*) $(-> $answer)? {
            self.hart.$name($($arg),*)
        })*
    };
    (&mut self: $($name:ident($($arg:ident: $type:ty),*) $(-> $answer:ty)?;)*) => {
        $(fn $name(&mut self $(, $arg: $type)*) $(-> $answer)? {
            self.hart.$name($($arg),*)
        })*
    };
}

/// In an `impl vcpu::Vcpu` of a type with a field `hart`: all but `run` and `statistics`.
#[macro_export]
macro_rules! vcpu_by_hart {
    () => {
        $crate::forward_to_hart! { &self:
            reg(reg: ::vcpu::Reg) -> u64;
            instret() -> Option<u64>;
            traps() -> u64;
            pins() -> ::std::sync::Arc<::vcpu::HartPins>;
        }
        $crate::forward_to_hart! { &mut self:
            set_reg(reg: ::vcpu::Reg, value: u64);
            notice() -> Option<::vcpu::Notice>;
        }
    };
}

/// In an `impl vcpu::EmulatedHart` of a type with a field `hart`: all but `watch`, `stateful` and `debuggee`.
#[macro_export]
macro_rules! emulated_by_hart {
    () => {
        $crate::forward_to_hart! { &self:
            vmid() -> u16;
            snapshot() -> Option<::vcpu::Snapshot>;
            describe(text: &mut String);
        }
        $crate::forward_to_hart! { &mut self:
            reset_machine(pc: u64);
            enter_supervisor(pc: u64);
            resume_supervisor(pc: u64);
            wakeup() -> ::vcpu::Wakeup;
            set_pace(pace: ::vcpu::Pace);
            fence(fence: ::vcpu::Fence);
            set_supervisor_timer(deadline: u64);
            tell(event: &::events::Event);
            csr(address: u16) -> u64;
            set_csr(address: u16, value: u64);
        }
    };
}
