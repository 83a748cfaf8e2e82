//! What machines cost, from a dated table: for the estimate before a job and for what it has cost so far. They are
//! estimates and say so: list prices of one region.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;

use crate::settings::{Dollars, SettingValue};

/// The table.
#[derive(Debug, serde::Deserialize)]
pub struct Prices {
    /// When they were written down.
    pub dated: String,
    /// The region whose prices they are.
    pub region: String,
    sagemaker_gb_month: f64,
    hours_a_month: f64,
    sagemaker_hour: BTreeMap<String, f64>,
    emr_vcpu_hour: f64,
    emr_gb_hour: f64,
    emr_worker_gb: f64,
    databricks_dbu: f64,
    databricks_hour: BTreeMap<String, Node>,
}

/// A machine of Databricks's: what AWS takes for it, and how many of Databricks's units it counts.
#[derive(Debug, serde::Deserialize)]
struct Node {
    machine: f64,
    dbu: f64,
}

/// The prices that this hydrant knows.
pub fn prices() -> &'static Prices {
    static PRICES: LazyLock<Prices> = LazyLock::new(|| {
        toml::from_str(include_str!("../../assets/spark/prices.toml"))
            .expect("the table of prices is part of the program")
    });
    &PRICES
}

impl Prices {
    /// What so many machines of SageMaker's with their disks cost in an hour; `None` if the type is not in the table.
    pub fn sagemaker_hour(&self, instance_type: &str, machines: u32, disk_gb: u32) -> Option<f64> {
        let disk = f64::from(disk_gb) * self.sagemaker_gb_month / self.hours_a_month;
        self.sagemaker_hour.get(instance_type).map(|price| f64::from(machines) * (price + disk))
    }

    /// What a run at EMR Serverless costs that has used so much.
    pub fn emr_serverless(&self, vcpu_hours: f64, gb_hours: f64) -> Option<Dollars> {
        Dollars::parse(&format!("{:.4}", vcpu_hours * self.emr_vcpu_hour + gb_hours * self.emr_gb_hour)).ok()
    }

    /// What so many workers of 4 vCPU cost there in an hour.
    pub fn emr_serverless_hour(&self, workers: u32) -> Option<f64> {
        let worker = 4.0 * self.emr_vcpu_hour + self.emr_worker_gb * self.emr_gb_hour;
        Some(f64::from(workers) * worker)
    }

    /// What so many machines of Databricks's cost in an hour, on demand; `None` if the type is not in the table.
    pub fn databricks_hour(&self, node_type: &str, machines: u32) -> Option<f64> {
        let node = self.databricks_hour.get(node_type)?;
        Some(f64::from(machines) * (node.machine + node.dbu * self.databricks_dbu))
    }
}

/// What a time costs at a price by the hour, to the cent's hundredth part.
pub fn cost(hourly: f64, from: Timestamp, to: Timestamp) -> Option<Dollars> {
    let hours = to.duration_since(from).as_secs_f64().max(0.0) / 3600.0;
    Dollars::parse(&format!("{:.4}", hours * hourly)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_and_their_disks_are_paid_by_the_hour() {
        let hourly = prices().sagemaker_hour("ml.m5.xlarge", 2, 50).expect("in the table");
        assert!((hourly - 2.0 * (0.23 + 50.0 * 0.14 / 730.0)).abs() < 1e-9, "{hourly}");
        assert_eq!(prices().sagemaker_hour("ml.x9.huge", 2, 50), None);
        let from = Timestamp::UNIX_EPOCH;
        let half = Timestamp::from_second(1800).expect("a time");
        assert_eq!(cost(0.5, from, half).expect("dollars").to_string(), "0.25");
        assert_eq!(cost(0.5, half, from).expect("dollars").to_string(), "0.00", "clocks differ");
    }
}
