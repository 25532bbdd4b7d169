//! The ports to change, with faults on the way. The checker judges each change when it takes effect, by the world
//! as it is then.

use async_trait::async_trait;

use super::fault::Class;
use super::process::{Again, Process};
use crate::domain::directive::{Decided, Scaling};
use crate::domain::fleet::Address;
use crate::domain::ids::{DeploymentId, FleetName, ImageDigest, ImageTag, TaskArn, TaskDefinitionArn, Version};
use crate::domain::lease::{LeaseMark, LeaseRecord};
use crate::domain::ledger::{Intent, RolloutRecord, WaveResult};
use crate::domain::plan::Plan;
use crate::domain::release::Release;
use crate::domain::rollout::Event;
use crate::domain::template::Rendered;
use crate::ports::{
    FleetWriter, ImageTagger, LeaseWriter, LedgerWriter, OpenRollout, PortResult, ScalingWriter, TaskRun, TaskWriter,
};

const REGISTER: Class = Class::write("ecs.register");
const UPDATE: Class = Class::write("ecs.update");
const SCALE: Class = Class::write("scaling.set");
const RUN: Class = Class::write("ecs.run");
const STOP: Class = Class::write("ecs.stop");
const TAG: Class = Class::write("ecr.tag");
const PUBLISH: Class = Class::write("ledger.publish").at_github();
const FINALISE: Class = Class::write("ledger.finalise").at_github();
const OPEN: Class = Class::write("ledger.open").at_github();
const DECIDE: Class = Class::write("ledger.decide").at_github();
const APPEND: Class = Class::write("ledger.append").at_github();
const PUT: Class = Class::write("lease.put").at_github();

#[async_trait]
impl FleetWriter for Process {
    async fn register(
        &self,
        proof: &OpenRollout,
        service: &Address,
        rendered: &Rendered,
    ) -> PortResult<TaskDefinitionArn> {
        let effect = |_: Again| async move {
            self.say(service.service.to_string());
            self.run().checker.registering(&self.sim.world(), proof, &service.service, rendered);
            FleetWriter::register(&*self.sim, proof, service, rendered).await
        };
        self.change(REGISTER, effect).await
    }

    async fn update(
        &self,
        proof: &OpenRollout,
        service: &Address,
        target: &TaskDefinitionArn,
        tasks: Option<u32>,
    ) -> PortResult<DeploymentId> {
        let effect = |again: Again| async move {
            self.say(format!("{} -> {} by rollout {}", service.service, target.family_and_revision(), proof.id().0));
            if !again.0 {
                self.run().checker.updating(self.id, &self.sim.world(), proof, &service.service, (target, tasks));
            }
            FleetWriter::update(&*self.sim, proof, service, target, tasks).await
        };
        self.change(UPDATE, effect).await
    }

    async fn stop(&self, proof: &OpenRollout, service: &Address, deployment: &DeploymentId) -> PortResult<()> {
        let effect = |_: Again| async move {
            self.say(format!("{} {deployment}", service.service));
            self.run().checker.stopping(self.id, &self.sim.world(), proof, &service.service);
            FleetWriter::stop(&*self.sim, proof, service, deployment).await
        };
        self.change(STOP, effect).await
    }
}

#[async_trait]
impl ScalingWriter for Process {
    async fn set_scaling(&self, service: &Address, scaling: &Scaling) -> PortResult<()> {
        let effect = |_: Again| async move {
            self.say(format!("{} at least {}", service.service, scaling.min));
            self.run().checker.scaling(self.id, &self.sim.world(), &service.service, scaling.min);
            self.sim.set_scaling(service, scaling).await
        };
        self.change(SCALE, effect).await
    }

    async fn set_desired(&self, service: &Address, desired: u32) -> PortResult<()> {
        self.sim.set_desired(service, desired).await
    }
}

#[async_trait]
impl TaskWriter for Process {
    async fn run(
        &self,
        proof: &OpenRollout,
        run: &TaskRun,
        definition: &TaskDefinitionArn,
        beside: &Address,
    ) -> PortResult<TaskArn> {
        let effect = |_: Again| async move {
            self.say(format!("{} by rollout {}", run.address.service, proof.id().0));
            self.run().checker.starting(self.id, &self.sim.world(), proof, &run.address.service);
            TaskWriter::run(&*self.sim, proof, run, definition, beside).await
        };
        self.change(RUN, effect).await
    }
}

#[async_trait]
impl ImageTagger for Process {
    async fn tag(&self, repository: &str, digest: &ImageDigest, tag: &ImageTag) -> PortResult<()> {
        let effect = |_: Again| async move {
            self.say(format!("{tag}"));
            self.sim.tag(repository, digest, tag).await
        };
        self.change(TAG, effect).await
    }
}

#[async_trait]
impl LedgerWriter for Process {
    async fn publish(&self, release: &Release) -> PortResult<()> {
        self.change(PUBLISH, |_| self.sim.publish(release)).await
    }

    async fn finalise(&self, release: &Release, version: &Version) -> PortResult<()> {
        let effect = |_: Again| async move {
            self.say(format!("{version}"));
            self.sim.finalise(release, version).await
        };
        self.change(FINALISE, effect).await
    }

    async fn open(&self, plan: &Plan, intent: &Intent) -> PortResult<RolloutRecord> {
        let effect = |_: Again| async move {
            self.say(format!("{:?} {}", intent.direction, intent.version));
            self.run().checker.opening(self.id, &self.sim.world(), plan, intent);
            LedgerWriter::open(&*self.sim, plan, intent).await
        };
        self.change(OPEN, effect).await
    }

    async fn decide(&self, fleet: &FleetName, decided: &Decided) -> PortResult<()> {
        let effect = |_: Again| async move {
            self.say(format!("{:?}", decided.directive));
            self.sim.decide(fleet, decided).await
        };
        self.change(DECIDE, effect).await
    }

    async fn append(
        &self,
        proof: &OpenRollout,
        seq: u32,
        event: &Event,
        result: Option<&WaveResult>,
    ) -> PortResult<()> {
        let effect = |_: Again| async move {
            self.say(format!("rollout {} #{seq} {event:?}", proof.id().0));
            self.run().checker.appending(self.id, &self.sim.world(), proof, seq, event);
            LedgerWriter::append(&*self.sim, proof, seq, event, result).await
        };
        self.run().checker.about_to_append(self.id, proof, event);
        self.change(APPEND, effect).await
    }
}

#[async_trait]
impl LeaseWriter for Process {
    async fn put(&self, seen: Option<&LeaseMark>, next: &LeaseRecord) -> PortResult<LeaseMark> {
        let effect = |_: Again| async move {
            let holder = next.holder.as_ref().map_or("nobody", |claim| claim.purpose.as_str());
            self.say(format!("{} {holder}", next.number));
            self.run().checker.leasing(&self.owner, &self.sim.world(), seen, next);
            LeaseWriter::put(&*self.sim, seen, next).await
        };
        self.change(PUT, effect).await
    }
}
