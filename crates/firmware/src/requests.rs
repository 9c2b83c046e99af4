//! What harts ask of each other: fences, and to start.
//!
//! Each hart executes on a thread of its own, so another only leaves a request for it. It is served before the hart's
//! next instruction. A hart that executes nothing (it sleeps, or is stopped) serves its requests when it goes on: who
//! asked need not wait for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use vcpu::{EmulatedHart, Fence, HartPins};

use crate::entry;

/// More fences than this wait as one of everything.
const MANY: usize = 64;

/// What is asked of a hart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// A fence.
    Fence(Fence),
    /// To enter S-mode.
    Start {
        /// Physical address.
        address: u64,
        /// Value for `a1`.
        opaque: u64,
    },
}

/// A request that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Awaited {
    hart: usize,
    number: u64,
}

/// The requests to all harts of a machine. By default there are none, as without a firmware outside the harts.
#[derive(Default)]
pub struct HartRequests {
    queues: Vec<RequestQueue>,
}

struct RequestQueue {
    waiting: Mutex<Waiting>,
    /// Requests that were served.
    served: AtomicU64,
    /// Threads that sleep until requests are served.
    sleepers: Mutex<Vec<Thread>>,
    pins: Arc<HartPins>,
}

#[derive(Default)]
struct Waiting {
    requests: Vec<Request>,
    /// Requests that were ever posted.
    posted: u64,
    /// The hart executes nothing before it has looked here.
    away: bool,
}

impl HartRequests {
    /// No requests; all harts are away.
    pub(crate) fn new(pins: Vec<Arc<HartPins>>) -> HartRequests {
        let waiting = || Mutex::new(Waiting { away: true, ..Waiting::default() });
        let queue =
            |pins| RequestQueue { waiting: waiting(), served: AtomicU64::new(0), sleepers: Mutex::default(), pins };
        HartRequests { queues: pins.into_iter().map(queue).collect() }
    }

    pub(crate) fn harts(&self) -> usize {
        self.queues.len()
    }

    pub(crate) fn pins(&self, hart: usize) -> Option<&HartPins> {
        self.queues.get(hart).map(|queue| &*queue.pins)
    }

    /// Leaves a request. `None`: it is as good as served, as the hart is away.
    pub(crate) fn post(&self, hart: usize, request: Request) -> Option<Awaited> {
        let queue = self.queues.get(hart)?;
        let mut waiting = queue.lock();
        waiting.push(request);
        let (number, away) = (waiting.posted, waiting.away);
        drop(waiting);
        // one that is away starts when it wakes up, but a fence alone is no reason to
        if !away || matches!(request, Request::Start { .. }) {
            queue.pins.kick();
        }
        (!away).then_some(Awaited { hart, number })
    }

    /// Forgets all requests; all harts are away.
    pub(crate) fn clear(&self) {
        for queue in &self.queues {
            let mut waiting = queue.lock();
            waiting.requests.clear();
            waiting.away = true;
            queue.served.store(waiting.posted, Ordering::Release);
        }
    }

    /// Does what is asked of `hart`, which is about to execute. To be called before each [`vcpu::Vcpu::run`].
    pub fn serve(&self, number: usize, hart: &mut dyn EmulatedHart) {
        let Some(queue) = self.queues.get(number) else { return };
        let (requests, posted) = queue.lock().take();
        if requests.is_empty() {
            return;
        }
        for request in requests {
            match request {
                Request::Fence(fence) => hart.fence(fence),
                Request::Start { address, opaque } => entry::enter(hart, number as u64, address, opaque),
            }
        }
        queue.finish(posted);
    }

    /// Lets this thread sleep until the request is served, until it is unparked, or for `most`.
    pub fn sleep_until_served(&self, awaited: Awaited, most: Duration) {
        let Some(queue) = self.queues.get(awaited.hart) else { return };
        queue.sleepers().push(thread::current());
        // whoever has served it since the last look found nobody asleep
        if !self.is_done(awaited) {
            thread::park_timeout(most);
        }
    }

    /// Says that `hart` executes nothing until it has served its requests. Answers false, and it is not so, where some
    /// wait already.
    pub fn leave(&self, hart: usize) -> bool {
        let Some(queue) = self.queues.get(hart) else { return true };
        let mut waiting = queue.lock();
        waiting.away = waiting.requests.is_empty();
        waiting.away
    }

    /// Whether a request was served, or is as good as served.
    pub fn is_done(&self, awaited: Awaited) -> bool {
        let queue = self.queues.get(awaited.hart);
        queue.is_none_or(|queue| queue.served.load(Ordering::Acquire) >= awaited.number)
    }
}

impl RequestQueue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that all up to this number are served.
    fn finish(&self, number: u64) {
        self.served.store(number, Ordering::Release);
        std::mem::take(&mut *self.sleepers()).iter().for_each(Thread::unpark);
    }

    fn sleepers(&self) -> MutexGuard<'_, Vec<Thread>> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn push(&mut self, request: Request) {
        self.posted += 1;
        if self.requests.len() >= MANY && matches!(request, Request::Fence(_)) {
            self.requests.retain(|request| matches!(request, Request::Start { .. }));
            self.requests.push(Request::Fence(Fence::Everything));
        } else {
            self.requests.push(request);
        }
    }

    /// The requests, and the number of the last of them.
    fn take(&mut self) -> (Vec<Request>, u64) {
        self.away = false;
        (std::mem::take(&mut self.requests), self.posted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests() -> HartRequests {
        let requests = HartRequests::new(vec![HartPins::new(), HartPins::new()]);
        requests.queues[1].lock().away = false;
        requests
    }

    const FENCE: Request = Request::Fence(Fence::Instructions);

    #[test]
    fn nobody_waits_for_one_that_is_away() {
        let requests = requests();
        assert!(requests.post(0, FENCE).is_none() && requests.post(7, FENCE).is_none());
        let awaited = requests.post(1, FENCE).unwrap();
        assert!(!requests.is_done(awaited) && !requests.leave(1));
    }

    #[test]
    fn whoever_sleeps_until_a_request_is_served_is_woken() {
        let requests = requests();
        let awaited = requests.post(1, FENCE).unwrap();
        let start = std::time::Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| requests.sleep_until_served(awaited, Duration::from_secs(60)));
            while requests.queues[1].sleepers().is_empty() {
                thread::yield_now();
            }
            requests.queues[1].finish(awaited.number);
        });
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn only_a_start_wakes_one_that_is_away() {
        let requests = requests();
        requests.post(0, FENCE);
        assert!(!requests.queues[0].pins.wanted());
        requests.post(0, Request::Start { address: 0, opaque: 0 });
        assert!(requests.queues[0].pins.wanted());
    }

    #[test]
    fn many_fences_wait_as_one_and_a_start_stays() {
        let requests = requests();
        requests.post(0, Request::Start { address: 1, opaque: 2 });
        (0..1000).for_each(|_| _ = requests.post(0, FENCE));
        let (requests, posted) = requests.queues[0].lock().take();
        assert!(requests.len() <= MANY && requests.contains(&Request::Fence(Fence::Everything)));
        assert_eq!((requests[0], posted), (Request::Start { address: 1, opaque: 2 }, 1001));
    }
}
