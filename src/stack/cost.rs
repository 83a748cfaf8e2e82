//! An estimate of what the stack costs by the hour, from a dated table. It is an estimate and says so: list prices
//! of one region, what is charged by use left out.

use std::collections::BTreeMap;

use super::graph::Kind;
use super::plan::{Found, Life};
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

/// What a stack has, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub enum Had<'a> {
    /// This, and it is the stack's own.
    Ours(&'a Found),
    /// It could not be read: it may be there, and cost.
    Unread,
}

/// The sum so far, and what it is made of.
struct Sum {
    /// `None` from the first part on that is not known.
    total: Option<f64>,
    parts: Vec<String>,
}

impl Sum {
    fn add(&mut self, what: &str, price: Option<f64>) {
        let price_in_words = price.map_or_else(|| "unknown".to_owned(), |price| format!("{price:.4}"));
        self.parts.push(format!("{what} {price_in_words}"));
        self.total = self.total.zip(price).map(|(sum, price)| sum + price);
    }
}

fn property<'a>(found: &'a Found, name: &str) -> &'a str {
    found.properties.get(name).map_or("", String::as_str)
}

impl Estimate {
    /// Of what a stack has; what is not in the list is not there, or not ours to pay for.
    pub fn of(had: &BTreeMap<Kind, Had<'_>>, settings: &Settings) -> Self {
        let prices = prices();
        let mut sum = Sum { total: Some(0.0), parts: Vec::new() };
        for kind in [Kind::Instance, Kind::Notebook] {
            match had.get(&kind) {
                Some(Had::Ours(found)) if found.life == Life::Deleting => {}
                Some(Had::Ours(found)) if kind == Kind::Instance => host(&mut sum, found, settings, &prices),
                Some(Had::Ours(found)) => notebook(&mut sum, found, &prices),
                Some(Had::Unread) => sum.add(&format!("the {kind}, which could not be read,"), None),
                None => {}
            }
        }
        let usd_per_hour = sum.total.map(|total| (total * 10_000.0).round() / 10_000.0);
        let Prices { dated, region: prices_of, by_use, .. } = prices;
        Self { usd_per_hour, parts: sum.parts, dated, prices_of, by_use }
    }
}

fn host(sum: &mut Sum, found: &Found, settings: &Settings, prices: &Prices) {
    let gigabytes = settings.instance_volume_gb.get();
    let disk = f64::from(gigabytes) * prices.gp3_gb_month / prices.hours_a_month;
    sum.add(&format!("disk {gigabytes} GB"), Some(disk));
    if property(found, "power") == "on" {
        let kind = property(found, "type");
        sum.add(kind, prices.instance_hour.get(kind).copied());
        sum.add("public address", Some(prices.public_ipv4_hour));
    }
}

fn notebook(sum: &mut Sum, found: &Found, prices: &Prices) {
    let disk = property(found, "disk");
    let gigabytes: f64 = disk.trim_end_matches(" GB").parse().unwrap_or(0.0);
    let price = gigabytes * prices.notebook_gb_month / prices.hours_a_month;
    sum.add(&format!("notebook's disk {disk}"), Some(price));
    // One that failed is not paid for; one that is being started or stopped is.
    if property(found, "power") == "on" && !matches!(found.life, Life::Failed(_)) {
        let kind = property(found, "type");
        sum.add(kind, prices.notebook_hour.get(kind).copied());
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

    fn estimate(instance_type: &str, power: &str) -> Estimate {
        let layers = Layers::read(&Sources::default()).expect("no sources, no faults");
        let settings = Settings::from_layers(&layers).expect("the defaults are good");
        let found =
            Found::ready("i-1", "arn").with("type", instance_type.to_owned()).with("power", power.to_owned());
        Estimate::of(&BTreeMap::from([(Kind::Instance, Had::Ours(&found))]), &settings)
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
    fn what_could_not_be_read_costs_nobody_knows_what() {
        let settings = Settings::load(&Sources::default()).expect("the defaults are good");
        for kind in [Kind::Instance, Kind::Notebook] {
            let estimate = Estimate::of(&BTreeMap::from([(kind, Had::Unread)]), &settings);
            assert_eq!(estimate.usd_per_hour, None);
            let said = estimate.to_string();
            assert!(
                said.contains(&format!("an unknown sum an hour: the {kind}, which could not be read")),
                "{said}"
            );
        }
        let bucket = Estimate::of(&BTreeMap::from([(Kind::Bucket, Had::Unread)]), &settings);
        assert_eq!(bucket.usd_per_hour, Some(0.0), "it is charged by use");
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
            let found = Found { life, ..found };
            Estimate::of(&BTreeMap::from([(Kind::Notebook, Had::Ours(&found))]), &settings).usd_per_hour
        };
        assert_eq!(of("on", Life::Ready), Some(0.2038), "0.20 + 20 × 0.14 / 730");
        assert_eq!(of("off", Life::Ready), Some(0.0038));
        assert_eq!(of("on", Life::Failed(String::new())), Some(0.0038));
        assert_eq!(of("on", Life::Deleting), Some(0.0));
    }
}
