//! An estimate of what the stack costs by the hour, from a dated table. It is an estimate and says so: list prices
//! of one region, what is charged by use left out.

use std::collections::BTreeMap;

use super::graph::Kind;
use super::plan::{Found, Life, Step};
use crate::settings::Settings;

/// What is up costs about this much.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// US dollars an hour; `None` when the price of something that is up is not in the table.
    pub usd_per_hour: Option<f64>,
    /// What it is made of, in words.
    pub parts: Vec<String>,
    /// When the prices were written down.
    pub dated: String,
    /// The region whose prices they are.
    pub prices_of: String,
    /// What is charged by use and not in it.
    pub by_use: String,
}

#[derive(Debug, serde::Deserialize)]
struct Prices {
    dated: String,
    region: String,
    public_ipv4_hour: f64,
    gp3_gb_month: f64,
    hours_a_month: f64,
    by_use: String,
    instance_hour: BTreeMap<String, f64>,
    notebook_gb_month: f64,
    notebook_hour: BTreeMap<String, f64>,
}

fn prices() -> Prices {
    toml::from_str(include_str!("../../assets/prices.toml"))
        .expect("the table of prices is part of the program")
}

/// The one of that kind that is there to be paid for.
fn there(steps: &[Step], kind: Kind) -> Option<&Found> {
    let found = steps.iter().filter(|step| step.kind == kind).find_map(|step| step.found.as_ref());
    found.filter(|found| found.life != Life::Deleting)
}

impl Estimate {
    /// Of everything in these steps that is there.
    pub fn of(steps: &[Step], settings: &Settings) -> Self {
        let prices = prices();
        let mut total = Some(0.0);
        let mut parts = Vec::new();
        if let Some(instance) = there(steps, Kind::Instance) {
            let disk =
                f64::from(settings.instance_volume_gb.get()) * prices.gp3_gb_month / prices.hours_a_month;
            parts.push(format!("disk {} GB {disk:.4}", settings.instance_volume_gb.get()));
            total = total.map(|sum| sum + disk);
            if instance.properties.get("power").map(String::as_str) == Some("on") {
                let kind = instance.properties.get("type").cloned().unwrap_or_default();
                let price = prices.instance_hour.get(&kind);
                parts.push(
                    price.map_or_else(|| format!("{kind} unknown"), |price| format!("{kind} {price:.4}")),
                );
                parts.push(format!("public address {:.4}", prices.public_ipv4_hour));
                total = total.zip(price).map(|(sum, price)| sum + price + prices.public_ipv4_hour);
            }
        }
        let notebook = there(steps, Kind::Notebook);
        if let Some(notebook) = notebook {
            let disk = notebook.properties.get("disk").map_or("", String::as_str);
            let gigabytes: f64 = disk.trim_end_matches(" GB").parse().unwrap_or(0.0);
            let price = gigabytes * prices.notebook_gb_month / prices.hours_a_month;
            parts.push(format!("notebook's disk {disk} {price:.4}"));
            total = total.map(|sum| sum + price);
            // One that failed is not paid for; one that is being started or stopped is.
            let is_on = notebook.properties.get("power").map(String::as_str) == Some("on");
            if is_on && !matches!(notebook.life, Life::Failed(_)) {
                let kind = notebook.properties.get("type").cloned().unwrap_or_default();
                let price = prices.notebook_hour.get(&kind);
                parts.push(
                    price.map_or_else(|| format!("{kind} unknown"), |price| format!("{kind} {price:.4}")),
                );
                total = total.zip(price).map(|(sum, price)| sum + price);
            }
        }
        let usd_per_hour = total.map(|total| (total * 10_000.0).round() / 10_000.0);
        Self { usd_per_hour, parts, dated: prices.dated, prices_of: prices.region, by_use: prices.by_use }
    }
}

impl std::fmt::Display for Estimate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { dated, prices_of, by_use, .. } = self;
        match self.usd_per_hour {
            Some(0.0) => write!(f, "costs about $0 an hour"),
            Some(sum) => write!(f, "costs about ${sum:.4} an hour, ${:.2} a day", sum * 24.0),
            None => write!(f, "costs an unknown sum an hour"),
        }?;
        if !self.parts.is_empty() {
            write!(f, ": {}", self.parts.join(" + "))?;
        }
        write!(f, "\nan estimate from {prices_of} list prices of {dated}; by use on top: {by_use}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Layers, Sources};
    use crate::stack::plan::Next;

    fn estimate(instance_type: &str, power: &str) -> Estimate {
        let layers = Layers::read(&Sources::default()).expect("no sources, no faults");
        let settings = Settings::from_layers(&layers).expect("the defaults are good");
        let found =
            Found::ready("i-1", "arn").with("type", instance_type.to_owned()).with("power", power.to_owned());
        let (name, next) = (String::new(), Next::Rest);
        Estimate::of(
            &[Step { kind: Kind::Instance, name, found: Some(found), wanted: true, next }],
            &settings,
        )
    }

    #[test]
    fn what_is_up_is_summed_and_what_is_unknown_is_said() {
        assert_eq!(estimate("t3.micro", "on").usd_per_hour, Some(0.0163), "0.0104 + 0.005 + 8 × 0.08 / 730");
        assert_eq!(
            estimate("t3.micro", "off").usd_per_hour,
            Some(0.0009),
            "a stopped host still pays for its disk"
        );
        assert_eq!(estimate("x9.huge", "on").usd_per_hour, None);
        assert!(estimate("x9.huge", "on").to_string().contains("x9.huge unknown"));
    }

    #[test]
    fn a_notebook_costs_its_type_while_it_is_on_and_its_disk_always() {
        let layers = Layers::read(&Sources::default()).expect("no sources, no faults");
        let settings = Settings::from_layers(&layers).expect("the defaults are good");
        let of = |power: &str, life: Life| {
            let found = Found::ready("n", "arn")
                .with("type", "ml.t3.xlarge".to_owned())
                .with("disk", "20 GB".to_owned())
                .with("power", power.to_owned());
            let (name, next) = (String::new(), Next::Rest);
            let found = Some(Found { life, ..found });
            let step = Step { kind: Kind::Notebook, name, found, wanted: true, next };
            Estimate::of(&[step], &settings).usd_per_hour
        };
        assert_eq!(of("on", Life::Ready), Some(0.2038), "0.20 + 20 × 0.14 / 730");
        assert_eq!(of("off", Life::Ready), Some(0.0038));
        assert_eq!(of("on", Life::Failed(String::new())), Some(0.0038));
        assert_eq!(of("on", Life::Deleting), Some(0.0));
    }
}
