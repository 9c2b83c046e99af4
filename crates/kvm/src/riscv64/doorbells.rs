//! Writes that only notify a device, passed on by the kernel (`KVM_IOEVENTFD`).
//!
//! The vCPU does not come back to this process for them: the kernel adds to an eventfd, and a thread does the write
//! that the guest did. If the guest writes again before the thread has come to it, both are one, which is all that a
//! notice means.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use arch::Phys;
use bus::Bus;
use kvm_ioctls::{IoEventAddress, VmFd};
use vmm_sys_util::epoll::{ControlOperation, Epoll, EpollEvent, EventSet};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

/// What the thread hears that is to end. Doorbells are numbered from 0.
const END: u64 = u64::MAX;

/// A write, and how the kernel tells of it.
struct Doorbell {
    rung: EventFd,
    address: Phys,
    value: u32,
}

/// The thread that answers the doorbells of a machine; it ends with this.
pub struct Doorbells {
    end: EventFd,
    thread: Option<JoinHandle<()>>,
}

impl Doorbells {
    /// Has the kernel pass on `writes`, and `bus` get them.
    pub fn new(vm: &VmFd, bus: Arc<Bus>, writes: &[(Phys, u32)]) -> io::Result<Doorbells> {
        let (end, epoll) = (EventFd::new(EFD_NONBLOCK)?, Epoll::new()?);
        let watch = |fd: &EventFd, number| {
            epoll.ctl(ControlOperation::Add, fd.as_raw_fd(), EpollEvent::new(EventSet::IN, number))
        };
        watch(&end, END)?;
        let mut doorbells = Vec::new();
        for &(address, value) in writes {
            let rung = EventFd::new(EFD_NONBLOCK)?;
            vm.register_ioevent(&rung, &IoEventAddress::Mmio(address.0), value)?;
            watch(&rung, doorbells.len() as u64)?;
            doorbells.push(Doorbell { rung, address, value });
        }
        let answer = move || while answer(&epoll, &doorbells, &bus).is_ok_and(|goes_on| goes_on) {};
        let thread = thread::Builder::new().name("doorbells".into()).spawn(answer)?;
        Ok(Doorbells { end, thread: Some(thread) })
    }
}

impl Drop for Doorbells {
    fn drop(&mut self) {
        // An eventfd takes the first write at once.
        let _ = self.end.write(1);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Waits for doorbells and answers them. Whether there is more to wait for.
fn answer(epoll: &Epoll, doorbells: &[Doorbell], bus: &Bus) -> io::Result<bool> {
    let mut rung = [EpollEvent::default(); 16];
    let count = match epoll.wait(-1, &mut rung) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
        other => other?,
    };
    for event in &rung[..count] {
        let Some(doorbell) = usize::try_from(event.data()).ok().and_then(|number| doorbells.get(number)) else {
            return Ok(false);
        };
        if doorbell.rung.read().is_ok() {
            // A device that is not there any more wants no notice.
            let _ = bus.write(doorbell.address, &doorbell.value.to_le_bytes());
        }
    }
    Ok(true)
}
