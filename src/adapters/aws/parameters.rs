//! Whether parameters of Systems Manager are still there, from DescribeParameters: the one read of the Parameter
//! Store that shows no value. It cannot be allowed for some parameters only, which is why the hint asks for all.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::config::{Builder, Region};
use aws_sdk_ssm::error::ProvideErrorMetadata;
use aws_sdk_ssm::types::ParameterStringFilter;

use super::budget::Group;
use super::cells::{Cells, doing};
use super::failure::failure;
use super::secret_names::Parameter;
use crate::domain::ids::CellName;
use crate::domain::snapshot::Availability;

/// Parameters in one call. A filter takes 50 values (API Reference, `ParameterStringFilter`), and a parameter that
/// is named by its ARN can have two names.
const PER_CALL: usize = 25;
/// Results on one page at most (API Reference, DescribeParameters).
const PAGE: i32 = 50;
/// Pages that are read of one call's answer. AWS may send short or empty ones, but not for ever.
const PAGES: usize = 10;

/// What can be asked for with one call: parameters of one Region.
pub(super) fn batches(parameters: Vec<Parameter>) -> Vec<Vec<Parameter>> {
    let mut regions: BTreeMap<Option<String>, Vec<Parameter>> = BTreeMap::new();
    for parameter in parameters {
        regions.entry(parameter.region.clone()).or_default().push(parameter);
    }
    regions.into_values().flat_map(|all| all.chunks(PER_CALL).map(<[_]>::to_vec).collect::<Vec<_>>()).collect()
}

/// Whether ECS could still take each parameter of a batch for a task in this cell. Its versions, and whether the
/// task's role may read it, are not looked at.
pub(super) async fn usable(cells: &Cells, cell: &CellName, batch: Vec<Parameter>) -> Vec<(Parameter, Availability)> {
    let account = cells.cell(cell).map(|cell| cell.account.clone()).unwrap_or_default();
    let foreign = |parameter: &Parameter| parameter.account.as_ref().is_some_and(|theirs| *theirs != account);
    let (foreign, own): (Vec<_>, Vec<_>) = batch.into_iter().partition(foreign);
    let there = if own.is_empty() { Ok(BTreeSet::new()) } else { names(cells, cell, &own).await };
    let of = |parameter: &Parameter| match &there {
        Ok(there) if parameter.spellings().iter().any(|name| there.contains(*name)) => Availability::Yes,
        Ok(_) => Availability::No { why: format!("the parameter {} does not exist any more", parameter.name) },
        Err(why) => Availability::Unknown { why: why.clone() },
    };
    let out_of_sight = |parameter: &Parameter| Availability::Unknown {
        why: format!("the parameter {} is another account's, which cannot be looked at", parameter.name),
    };
    let own = own.into_iter().map(|parameter| (of(&parameter), parameter));
    let foreign = foreign.into_iter().map(|parameter| (out_of_sight(&parameter), parameter));
    own.chain(foreign).map(|(usable, parameter)| (parameter, usable)).collect()
}

/// The names of those that are there, or why that cannot be told.
async fn names(cells: &Cells, cell: &CellName, batch: &[Parameter]) -> Result<BTreeSet<String>, String> {
    let clients = cells.clients(cell).await.map_err(|error| error.to_string())?;
    let asked = batch.iter().flat_map(Parameter::spellings).map(str::to_owned).collect();
    let by_name = ParameterStringFilter::builder().key("Name").option("Equals").set_values(Some(asked)).build();
    let by_name = by_name.map_err(|error| error.to_string())?;
    let (mut found, mut next) = (BTreeSet::new(), None);
    for _ in 0..PAGES {
        clients.pace(Group::ParameterRead).await;
        let mut place = Builder::new();
        place.set_region(batch.first().and_then(|parameter| parameter.region.clone()).map(Region::new));
        let call = clients.parameters.describe_parameters().parameter_filters(by_name.clone()).max_results(PAGE);
        let page = call.set_next_token(next).customize().config_override(place).send().await.map_err(|error| {
            match error.code() {
                Some("AccessDeniedException") => "parameters may not be looked at: grant ssm:DescribeParameters on \
                                                  all resources, which shows no value"
                    .to_owned(),
                _ => failure(doing("looking for parameters", cell), &error).to_string(),
            }
        })?;
        found.extend(page.parameters.unwrap_or_default().into_iter().filter_map(|parameter| parameter.name));
        next = page.next_token;
        if next.is_none() {
            return Ok(found);
        }
    }
    Err(format!("looking for parameters in {cell}: the answer does not end after {PAGES} pages"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::aws::loopback::{Asked, Loopback, Reply, cell_name, error};
    use serde_json::json;

    fn plain(name: &str) -> Parameter {
        Parameter { name: name.to_owned(), ..Parameter::default() }
    }

    fn by_arn(name: &str, account: &str) -> Parameter {
        let (region, account) = (Some("eu-central-1".to_owned()), Some(account.to_owned()));
        Parameter { name: name.to_owned(), region, account }
    }

    async fn seen(
        answer: impl Fn(&Asked) -> Reply + Clone + Send + Sync + 'static,
        batch: &[Parameter],
    ) -> (Vec<Availability>, Loopback) {
        let aws = Loopback::serve(answer).await;
        let found = usable(&*aws.cells().await, &cell_name(), batch.to_vec()).await;
        let of = |wanted: &Parameter| found.iter().find(|(of, _)| of == wanted).unwrap().1.clone();
        (batch.iter().map(of).collect(), aws)
    }

    fn page(names: &[&str], next: Option<&str>) -> Reply {
        let parameters: Vec<_> = names.iter().map(|name| json!({"Name": name, "aFieldOfNextYear": 1})).collect();
        (200, json!({"Parameters": parameters, "NextToken": next}).to_string())
    }

    #[tokio::test]
    async fn those_on_any_page_are_there_and_the_others_are_gone() {
        let answer = |asked: &Asked| match asked.json()["NextToken"].as_str() {
            None => page(&[], Some("p2")),
            Some(_) => page(&["/acme/db"], None),
        };
        let (usable, aws) = seen(answer, &[plain("/acme/db"), plain("/acme/gone")]).await;
        let gone = Availability::No { why: "the parameter /acme/gone does not exist any more".to_owned() };
        assert_eq!(usable, [Availability::Yes, gone]);
        let filter = json!({"Key": "Name", "Option": "Equals", "Values": ["/acme/db", "/acme/gone"]});
        assert_eq!(aws.asked()[0].json(), json!({"ParameterFilters": [filter], "MaxResults": 50}));
        assert!(aws.asked().iter().all(|asked| asked.action() == "DescribeParameters"));
    }

    #[tokio::test]
    async fn an_arn_names_the_region_and_an_account_that_is_not_ours_is_out_of_sight() {
        let batch = [by_arn("/db", "111111111111"), by_arn("/db", "222222222222")];
        let (usable, aws) = seen(|_| page(&["db"], None), &batch).await;
        let why = "the parameter /db is another account's, which cannot be looked at".to_owned();
        assert_eq!(usable, [Availability::Yes, Availability::Unknown { why }]);
        let asked = aws.asked().remove(0);
        assert_eq!(asked.json()["ParameterFilters"][0]["Values"], json!(["/db", "db"]));
        assert!(asked.headers["authorization"].to_str().unwrap().contains("/eu-central-1/ssm/aws4_request"));
        let (_, none) = seen(|_| page(&[], None), &batch[1..]).await;
        assert!(none.asked().is_empty(), "nothing to ask for");
    }

    #[tokio::test]
    async fn inv_09_what_cannot_be_read_is_unknown() {
        for (answer, says) in [
            (error(400, "AccessDeniedException", "no"), "grant ssm:DescribeParameters"),
            (error(400, "ValidationException", "odd"), "looking for parameters in prod-1: ValidationException: odd"),
            (page(&[], Some("again")), "does not end"),
        ] {
            let (usable, _) = seen(move |_| answer.clone(), &[plain("/acme/db")]).await;
            assert!(matches!(&usable[0], Availability::Unknown { why } if why.contains(says)), "{usable:?}");
        }
    }

    #[test]
    fn a_call_is_for_one_region_and_a_few_parameters() {
        let many: Vec<_> = (0..26).map(|n| plain(&format!("/p{n}"))).chain([by_arn("/db", "1")]).collect();
        let sizes: Vec<usize> = batches(many).iter().map(Vec::len).collect();
        assert_eq!(sizes, [25, 1, 1]);
    }
}
