//! Opens `/dev/kvm`, and says in plain words why not.

use std::{fs, io};

use kvm_ioctls::{Cap, Kvm};

use crate::Error;

/// The version that `KVM_GET_API_VERSION` has answered since 2007.
const API_VERSION: i32 = 12;

/// Opens `/dev/kvm` and checks that it can do what the engine needs.
pub fn open() -> Result<Kvm, Error> {
    let kvm = Kvm::new().map_err(|error| explain(error.into()))?;
    if kvm.get_api_version() != API_VERSION {
        return Err(Error::Lacks("API version 12"));
    }
    for (capability, name) in [
        (Cap::UserMemory, "KVM_CAP_USER_MEMORY"),
        (Cap::OneReg, "KVM_CAP_ONE_REG"),
        (Cap::MpState, "KVM_CAP_MP_STATE"),
        (Cap::ImmediateExit, "KVM_CAP_IMMEDIATE_EXIT"),
    ] {
        if !kvm.check_extension(capability) {
            return Err(Error::Lacks(name));
        }
    }
    Ok(kvm)
}

fn explain(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::absent(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
        io::ErrorKind::PermissionDenied => Error::Denied,
        _ => Error::Open(error),
    }
}
