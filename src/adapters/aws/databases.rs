//! Database instances: which of them are a fleet's, how they stand, and starting and stopping them.
//!
//! An instance is a fleet's by its tag `tidegate`, as a service is, and one tenant's alone by its tag `tenant`. AWS
//! starts one that is stopped again after seven days; it is then seen as available like any other.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_rds::types::DbInstance;

use super::budget::Group;
use super::cells::{Cells, doing};
use super::failure::failure;
use crate::domain::ids::{CellName, FleetName};
use crate::domain::pause::{Database, DatabaseState};
use crate::ports::{DatabaseReader, DatabaseWriter, Fault, PortError, PortResult};

/// Pages of 100 instances that are read; an account has 40 by default.
const PAGES: usize = 20;
/// The tag that says whose instance it is.
const FLEET: &str = "tidegate";
/// The tag of an instance that one tenant has alone.
const TENANT: &str = "tenant";

/// The database instances of all cells.
#[derive(Clone, Debug)]
pub struct RdsDatabases {
    cells: Arc<Cells>,
}

impl RdsDatabases {
    /// The instances in these cells.
    pub fn new(cells: Arc<Cells>) -> Self {
        Self { cells }
    }

    async fn of_cell(&self, fleet: &FleetName, cell: &CellName) -> PortResult<Vec<Database>> {
        let doing = doing("reading database instances", cell);
        let clients = self.cells.clients(cell).await?;
        let (mut found, mut next) = (Vec::new(), None);
        for _ in 0..PAGES {
            clients.pace(Group::DatabaseRead).await;
            let call = clients.rds.describe_db_instances().set_marker(next);
            let page = call.send().await.map_err(|error| failure(&doing, &error))?;
            for instance in page.db_instances().iter().filter(|instance| tag(instance, FLEET) == Some(fleet.as_str())) {
                found.push(database(cell, instance).map_err(|why| PortError::new(Fault::Refused, &doing, why))?);
            }
            next = page.marker;
            if next.is_none() {
                return Ok(found);
            }
        }
        Err(PortError::new(Fault::Refused, doing, format!("the answer does not end after {PAGES} pages")))
    }
}

#[async_trait]
impl DatabaseReader for RdsDatabases {
    async fn databases(&self, fleet: &FleetName, cells: &[CellName]) -> PortResult<Vec<Database>> {
        let mut all = Vec::new();
        for cell in cells {
            all.extend(self.of_cell(fleet, cell).await?);
        }
        Ok(all)
    }
}

#[async_trait]
impl DatabaseWriter for RdsDatabases {
    async fn start(&self, database: &Database) -> PortResult<()> {
        let doing = doing(format!("starting database {}", database.id), &database.cell);
        let clients = self.cells.clients(&database.cell).await?;
        clients.pace(Group::DatabaseModify).await;
        let call = clients.rds.start_db_instance().db_instance_identifier(&database.id);
        call.send().await.map(drop).map_err(|error| failure(doing, &error))
    }

    async fn stop(&self, database: &Database) -> PortResult<()> {
        let doing = doing(format!("stopping database {}", database.id), &database.cell);
        let clients = self.cells.clients(&database.cell).await?;
        clients.pace(Group::DatabaseModify).await;
        let call = clients.rds.stop_db_instance().db_instance_identifier(&database.id);
        call.send().await.map(drop).map_err(|error| failure(doing, &error))
    }
}

fn tag<'a>(instance: &'a DbInstance, key: &str) -> Option<&'a str> {
    instance.tag_list().iter().find(|tag| tag.key() == Some(key))?.value()
}

/// An instance as it stands. A tag that names no tenant is told: taken for a shared one it would be kept awake, taken
/// for nobody's it would be stopped under somebody.
fn database(cell: &CellName, instance: &DbInstance) -> Result<Database, String> {
    let id = instance.db_instance_identifier().ok_or("an instance without a name")?;
    let of = tag(instance, TENANT).map(str::parse).transpose();
    let of = of.map_err(|bad: crate::domain::ids::BadName| format!("the tag `{TENANT}` of {id}: {bad}"))?;
    let state = match instance.db_instance_status() {
        Some("available") => DatabaseState::Available,
        Some("stopped") => DatabaseState::Stopped,
        Some(word) => DatabaseState::Other(word.to_owned()),
        None => DatabaseState::Other("in no state that RDS tells".to_owned()),
    };
    Ok(Database { id: id.to_owned(), cell: cell.clone(), of, state })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::aws::loopback::{Loopback, Reply, cell_name};

    fn instance(id: &str, status: &str, tags: &[(&str, &str)]) -> String {
        let tag = |(key, value): &(&str, &str)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>");
        format!(
            "<DBInstance><DBInstanceIdentifier>{id}</DBInstanceIdentifier><DBInstanceStatus>{status}</DBInstanceStatus>\
             <TagList>{}</TagList></DBInstance>",
            tags.iter().map(tag).collect::<String>()
        )
    }

    fn page(instances: &[String], marker: Option<&str>) -> Reply {
        let marker = marker.map(|marker| format!("<Marker>{marker}</Marker>")).unwrap_or_default();
        let instances = instances.concat();
        let body = format!(
            "<DescribeDBInstancesResponse xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\"><DescribeDBInstancesResult>\
             {marker}<DBInstances>{instances}</DBInstances></DescribeDBInstancesResult></DescribeDBInstancesResponse>"
        );
        (200, body)
    }

    async fn read(aws: &Loopback) -> PortResult<Vec<Database>> {
        RdsDatabases::new(aws.cells().await).databases(&"prod".parse().unwrap(), &[cell_name()]).await
    }

    #[tokio::test]
    async fn a_fleets_instances_are_known_by_their_tag_on_every_page() {
        let aws = Loopback::serve(|asked| match asked.field("Marker") {
            None => page(
                &[
                    instance("s1", "available", &[("tidegate", "prod")]),
                    instance("x", "available", &[("tidegate", "dev")]),
                ],
                Some("next page"),
            ),
            Some(_) => page(
                &[
                    instance("own", "stopped", &[("tidegate", "prod"), ("tenant", "acme")]),
                    instance("s2", "backing-up", &[("tidegate", "prod")]),
                    instance("y", "available", &[]),
                ],
                None,
            ),
        })
        .await;
        let found = read(&aws).await.unwrap();
        let told: Vec<(&str, Option<&str>, String)> = found
            .iter()
            .map(|d| (d.id.as_str(), d.of.as_ref().map(crate::domain::ids::SetId::as_str), d.state.to_string()))
            .collect();
        assert_eq!(
            told,
            [
                ("s1", None, "available".to_owned()),
                ("own", Some("acme"), "stopped".to_owned()),
                ("s2", None, "backing-up".to_owned())
            ]
        );
        assert_eq!(aws.asked().len(), 2);
    }

    #[tokio::test]
    async fn inv_09_what_cannot_be_told_is_an_error() {
        let odd =
            Loopback::serve(|_| page(&[instance("a", "available", &[("tidegate", "prod"), ("tenant", "No!")])], None));
        assert_eq!(read(&odd.await).await.unwrap_err().fault, Fault::Refused);
        let endless = Loopback::serve(|_| page(&[], Some("again"))).await;
        assert_eq!(read(&endless).await.unwrap_err().why, "the answer does not end after 20 pages");
    }

    #[tokio::test]
    async fn one_that_has_moved_meanwhile_is_a_conflict() {
        let aws = Loopback::serve(|asked| {
            let (status, body) = match asked.action().as_str() {
                "StopDBInstance" => (
                    400,
                    "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidDBInstanceState</Code>\
                     <Message>Instance s1 is not in available state.</Message></Error></ErrorResponse>",
                ),
                _ => (200, "<StartDBInstanceResponse><StartDBInstanceResult/></StartDBInstanceResponse>"),
            };
            (status, body.to_owned())
        })
        .await;
        let databases = RdsDatabases::new(aws.cells().await);
        let one = Database { id: "s1".to_owned(), cell: cell_name(), of: None, state: DatabaseState::Available };
        assert_eq!(databases.stop(&one).await.unwrap_err().fault, Fault::Conflict);
        databases.start(&one).await.unwrap();
        assert_eq!(aws.asked_for("StartDBInstance")[0].field("DBInstanceIdentifier"), Some("s1".to_owned()));
    }
}
