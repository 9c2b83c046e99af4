//! Writes that only notify a device, passed on by the kernel (`KVM_IOEVENTFD`).
//!
//! The vCPU does not come back to this process for them: the kernel adds to an eventfd, and a thread does the write
//! that the guest did. If the guest writes again before the thread has come to it, both are one, which is all that a
//! notice means. Eventfds are never read: each addition is told once (`EPOLLET`), and 2^64 of them are not lived to
//! see. While notices come one after the other the thread looks on instead of sleeping ([`Patience`]).

use std::cell::RefCell;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use arch::Phys;
use bus::Bus;
use kvm_ioctls::{IoEventAddress, VmFd};
use vmm_sys_util::epoll::{ControlOperation, Epoll, EpollEvent, EventSet};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

use crate::patience::Patience;

/// What the thread hears that is to end. Doorbells are numbered from 0.
const END: u64 = u64::MAX;

/// A write, and how the kernel tells of it.
struct Doorbell {
    /// Watched for as long as it is open.
    _rung: EventFd,
    address: Phys,
    value: u32,
}

/// Who answers them.
struct Answerer {
    epoll: Epoll,
    doorbells: Vec<Doorbell>,
    bus: Arc<Bus>,
    patience: Patience,
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
            let event = EpollEvent::new(EventSet::IN | EventSet::EDGE_TRIGGERED, number);
            epoll.ctl(ControlOperation::Add, fd.as_raw_fd(), event)
        };
        watch(&end, END)?;
        let mut doorbells = Vec::new();
        for &(address, value) in writes {
            let rung = EventFd::new(EFD_NONBLOCK)?;
            vm.register_ioevent(&rung, &IoEventAddress::Mmio(address.0), value)?;
            watch(&rung, doorbells.len() as u64)?;
            doorbells.push(Doorbell { _rung: rung, address, value });
        }
        let patience = Patience::of(thread::available_parallelism().map_or(1, usize::from));
        let mut answerer = Answerer { epoll, doorbells, bus, patience };
        let answer = move || while answerer.answer().is_ok_and(|goes_on| goes_on) {};
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

impl Answerer {
    /// Waits for doorbells and answers them. Whether there is more to wait for.
    fn answer(&mut self) -> io::Result<bool> {
        let mut rung = [EpollEvent::default(); 16];
        let count = self.wait(&mut rung)?;
        for event in &rung[..count] {
            let doorbell = usize::try_from(event.data()).ok().and_then(|number| self.doorbells.get(number));
            let Some(doorbell) = doorbell else { return Ok(false) };
            // A device that is not there any more wants no notice.
            let _ = self.bus.write(doorbell.address, &doorbell.value.to_le_bytes());
        }
        Ok(true)
    }

    /// Waits until some have rung, and answers how many of them are in `rung`.
    fn wait(&mut self, rung: &mut [EpollEvent]) -> io::Result<usize> {
        let (epoll, rung) = (&self.epoll, RefCell::new(rung));
        let hear = |timeout| match epoll.wait(timeout, *rung.borrow_mut()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            other => other,
        };
        let look = || Some(hear(0)).filter(|heard| !matches!(heard, Ok(0)));
        self.patience.wait(look, thread::yield_now, || hear(-1))
    }
}
