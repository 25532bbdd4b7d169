//! One account: its clients, and what Terraform would have built in it.
//!
//! The World's own clients go straight to the emulator; only tidegate is sent through the proxy,
//! so that the proxy's record is tidegate's record.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_ecr::types::ImageTagMutability;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ProtocolEnum, RuleCondition, TargetGroupTuple, TargetTypeEnum,
};
use serde_json::{Value, json};

use super::front::front;
use super::layout::{Fleet, PORT, Place, REGION};
use super::problem::{Problem, Result, Trying};
use super::proxy::{Call, Proxy};

/// A fleet's account behind its emulator.
pub(crate) struct Cell {
    pub(crate) fleet: &'static Fleet,
    pub(crate) ecs: aws_sdk_ecs::Client,
    pub(crate) ecr: aws_sdk_ecr::Client,
    pub(crate) elb: aws_sdk_elasticloadbalancingv2::Client,
    pub(super) http: reqwest::Client,
    /// The emulator itself: also the registry and the load balancer's data plane.
    pub(super) url: String,
    /// What tidegate's calls go through.
    pub(crate) proxy: Proxy,
    /// Where its load balancer is reached.
    pub(super) front: String,
}

/// Where the rules of a load balancer are added.
pub(crate) struct Listener {
    arn: String,
    rules: i32,
}

impl Cell {
    pub(super) async fn connect(fleet: &'static Fleet, url: &str) -> Result<Self> {
        let config = config(fleet, url).await;
        Ok(Self {
            fleet,
            ecs: aws_sdk_ecs::Client::new(&config),
            ecr: aws_sdk_ecr::Client::new(&config),
            elb: aws_sdk_elasticloadbalancingv2::Client::new(&config),
            http: reqwest::Client::builder().no_proxy().build().trying("HTTP client")?,
            url: url.to_owned(),
            proxy: Proxy::start(url).await?,
            front: front(url, &fleet.load_balancer()).await?,
        })
    }

    /// The emulator's own address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Status and body of a path of the emulator, asked for under this host, if one is named.
    pub(crate) async fn get(&self, path: &str, host: &str) -> Result<(u16, String)> {
        let mut request = self.http.get(format!("{}{path}", self.url));
        if !host.is_empty() {
            request = request.header("host", host);
        }
        let answer = request.send().await.trying(path)?;
        let status = answer.status().as_u16();
        Ok((status, answer.text().await.trying(path)?))
    }

    /// This cell as tidegate sees it: the same, but every call goes through the proxy.
    pub(crate) async fn through_proxy(&self) -> Result<Self> {
        Self::connect(self.fleet, self.endpoint()).await
    }

    /// What `endpoint:` of this cell in fleet.yaml must say.
    pub(crate) fn endpoint(&self) -> &str {
        &self.proxy.url
    }

    /// `127.0.0.1:PORT`, without a scheme: the registry part of image names.
    pub(crate) fn registry(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// The changing AWS calls tidegate made here since the start or the last `forget_calls`.
    pub(crate) fn mutations(&self) -> Vec<Call> {
        self.proxy.mutations()
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.proxy.calls()
    }

    pub(crate) fn forget_calls(&self) {
        self.proxy.forget();
    }

    /// An ECS call as raw JSON both ways, for what must be seen exactly as it was sent.
    pub(crate) async fn ecs_json(&self, action: &str, request: &Value) -> Result<Value> {
        let text = self.json("AmazonEC2ContainerServiceV20141113", action, request).await?;
        serde_json::from_str(&text).trying(action)
    }

    /// Makes sure of an alarm, and sets its state: `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub(crate) async fn alarm(&self, name: &str, state: &str) -> Result<()> {
        let alarm = json!({
            "AlarmName": name, "Namespace": "AWS/ApplicationELB", "MetricName": "HTTPCode_Target_5XX_Count",
            "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "ignore",
        });
        let service = "GraniteServiceVersion20100801";
        self.json(service, "PutMetricAlarm", &alarm).await?;
        let state = json!({ "AlarmName": name, "StateValue": state, "StateReason": "the story wants it so" });
        self.json(service, "SetAlarmState", &state).await.map(drop)
    }

    async fn json(&self, service: &str, action: &str, request: &Value) -> Result<String> {
        let answer = self
            .http
            .post(&self.url)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("{service}.{action}"))
            .body(request.to_string())
            .send()
            .await
            .trying(action)?;
        let status = answer.status();
        let text = answer.text().await.trying(action)?;
        if !status.is_success() {
            return Err(Problem::new(format!("{action}: {status}: {text}")));
        }
        Ok(text)
    }

    /// An empty bucket.
    pub(crate) async fn create_bucket(&self, name: &str) -> Result<()> {
        self.put(name, "").await
    }

    /// An object: `BUCKET/KEY`.
    pub(crate) async fn put(&self, place: &str, body: &str) -> Result<()> {
        let answer = self.http.put(format!("{}/{place}", self.url)).body(body.to_owned()).send().await.trying(place)?;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(Problem::new(format!("put {place}: {}", answer.status()))),
        }
    }

    /// DescribeServices of one place, raw.
    pub(crate) async fn describe(&self, place: Place) -> Result<Value> {
        let request = json!({ "cluster": place.fleet.cluster(), "services": [place.family()] });
        let mut answer = self.ecs_json("DescribeServices", &request).await?;
        Ok(answer["services"][0].take())
    }

    /// Whether no rollout is under way. Deployments that failed stay listed for ever here.
    pub(crate) async fn is_settled(&self, place: Place) -> Result<bool> {
        let service = self.describe(place).await?;
        let mut deployments = service["deployments"].as_array().into_iter().flatten();
        Ok(deployments.all(|deployment| deployment["rolloutState"] != "IN_PROGRESS"))
    }

    /// The digest under a tag; a tag that is not there is an error.
    pub(crate) async fn digest_of(&self, repository: &str, tag: &str) -> Result<String> {
        let id = aws_sdk_ecr::types::ImageIdentifier::builder().image_tag(tag).build();
        let answer = self.ecr.batch_get_image().repository_name(repository).image_ids(id).send().await;
        let answer = answer.trying(tag)?;
        let image = answer.images().first().and_then(|image| image.image_id());
        Ok(image.and_then(|id| id.image_digest()).trying(format!("{repository}:{tag}"))?.to_owned())
    }

    /// A repository for images with immutable tags; one that is there already is as good.
    pub(super) async fn ensure_repository(&self, name: &str) -> Result<()> {
        let create =
            self.ecr.create_repository().repository_name(name).image_tag_mutability(ImageTagMutability::Immutable);
        match create.send().await {
            Err(error) if !error.as_service_error().is_some_and(|e| e.is_repository_already_exists_exception()) => {
                Err(error).trying(format!("create repository {name}"))
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn create_cluster(&self) -> Result<()> {
        let name = self.fleet.cluster();
        self.ecs.create_cluster().cluster_name(&name).send().await.trying(format!("create cluster {name}"))?;
        Ok(())
    }

    /// The fleet's load balancer; a request that no rule knows gets 404.
    pub(super) async fn create_listener(&self) -> Result<Listener> {
        let name = self.fleet.load_balancer();
        let created = self.elb.create_load_balancer().name(&name).send().await.trying(&name)?;
        let arn = created.load_balancers().first().and_then(|lb| lb.load_balancer_arn()).trying(&name)?;
        let not_found = aws_sdk_elasticloadbalancingv2::types::FixedResponseActionConfig::builder()
            .status_code("404")
            .content_type("text/plain")
            .message_body("no such tenant or service")
            .build();
        let listener = self
            .elb
            .create_listener()
            .load_balancer_arn(arn)
            .protocol(ProtocolEnum::Http)
            .port(80)
            .default_actions(
                Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(not_found).build(),
            )
            .send()
            .await
            .trying("create listener")?;
        let arn = listener.listeners().first().and_then(|listener| listener.listener_arn()).trying("listener")?;
        Ok(Listener { arn: arn.to_owned(), rules: 0 })
    }

    /// The listener that is there, for rules behind those that it has.
    pub(crate) async fn listener(&self) -> Result<Listener> {
        let name = self.fleet.load_balancer();
        let balancers = self.elb.describe_load_balancers().names(&name).send().await.trying(&name)?;
        let arn = balancers.load_balancers().first().and_then(|lb| lb.load_balancer_arn()).trying(&name)?;
        let found = self.elb.describe_listeners().load_balancer_arn(arn).send().await.trying(&name)?;
        let arn = found.listeners().first().and_then(|listener| listener.listener_arn()).trying(&name)?;
        let rules = self.elb.describe_rules().listener_arn(arn).send().await.trying(&name)?;
        let last = rules.rules().iter().filter_map(|rule| rule.priority()?.parse().ok()).max();
        Ok(Listener { arn: arn.to_owned(), rules: last.unwrap_or_default() })
    }

    /// One more rule: requests for this host go to the place's target group.
    pub(crate) async fn lead(&self, listener: &mut Listener, host: &str, path: &str, group: &str) -> Result<()> {
        listener.rules += 1;
        let forward = aws_sdk_elasticloadbalancingv2::types::ForwardActionConfig::builder()
            .target_groups(TargetGroupTuple::builder().target_group_arn(group).weight(1).build())
            .build();
        self.elb
            .create_rule()
            .listener_arn(&listener.arn)
            .priority(listener.rules)
            .conditions(RuleCondition::builder().field("host-header").values(host).build())
            .conditions(RuleCondition::builder().field("path-pattern").values(path).build())
            .actions(
                Action::builder()
                    .r#type(ActionTypeEnum::Forward)
                    .target_group_arn(group)
                    .forward_config(forward)
                    .build(),
            )
            .send()
            .await
            .trying(format!("create rule for {host}{path}"))?;
        Ok(())
    }

    /// A target group for the place and the rule that leads to it; returns the group's ARN.
    pub(crate) async fn create_route(&self, listener: &mut Listener, place: Place) -> Result<String> {
        let created = self
            .elb
            .create_target_group()
            .name(place.target_group())
            .protocol(ProtocolEnum::Http)
            .port(i32::from(PORT))
            .target_type(TargetTypeEnum::Ip)
            .health_check_path(place.health_path())
            .send()
            .await
            .trying(format!("create target group for {place}"))?;
        let group = created.target_groups().first().and_then(|group| group.target_group_arn()).trying(place)?;
        self.lead(listener, &place.host(), &format!("/{}/*", place.service.name), group).await?;
        Ok(group.to_owned())
    }
}

/// The emulator takes a twelve-digit access key for the account, and does not check signatures.
async fn config(fleet: &Fleet, url: &str) -> SdkConfig {
    let credentials = Credentials::new(fleet.account, "no-secret", None, None, "tests/e2e");
    aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::from_static(REGION))
        .credentials_provider(credentials)
        .load()
        .await
}
