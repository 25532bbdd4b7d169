//! Time as the processes see it: it passes when all of them wait, and one's clock may be ahead.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::fault::Class;
use super::process::Process;
use crate::ports::{Clock, StopSignal};

const SLEEP: Class = Class::read("sleep").exact();

#[async_trait]
impl Clock for Process {
    fn now(&self) -> Timestamp {
        let jumped = self.run().processes[self.id].jumped;
        self.sim.world().now + jumped
    }

    async fn sleep(&self, time: SignedDuration) {
        let kind = self.arrive(SLEEP).await;
        let until = self.sim.world().now + time.max(SignedDuration::ZERO);
        self.run().processes[self.id].sleeping_until = Some(until);
        loop {
            tokio::task::yield_now().await;
            self.turn().await;
            if self.sim.world().now >= until {
                break;
            }
            self.let_time_pass();
        }
        self.run().processes[self.id].sleeping_until = None;
        self.leave(kind).await;
    }
}

impl Process {
    /// When every process that lives is asleep, it is as late as the first of them wants it to be.
    fn let_time_pass(&self) {
        let run = self.run();
        let living = || run.processes.iter().filter(|state| !state.gone);
        let first = living().map(|state| state.sleeping_until.unwrap_or(Timestamp::MIN)).min();
        let mut world = self.sim.world();
        if let Some(first) = first.filter(|first| *first > world.now) {
            world.now = first;
        }
    }
}

#[async_trait]
impl StopSignal for Process {
    fn raised(&self) -> bool {
        self.is_stopped()
    }

    async fn wait(&self) {
        while !self.is_stopped() {
            self.stop.notified().await;
        }
    }
}
