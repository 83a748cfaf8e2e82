//! The plan of a job: how much there is to read, where it would run, what that costs, how long it takes by what was
//! measured, and whether hydrant itself would do.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use super::SparkError;
use super::prices::prices;
use crate::lake::{LakeError, Place};
use crate::settings::{EngineName, Settings};

/// What there is to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Size {
    /// How many files.
    pub files: u64,
    /// How large they are together.
    pub bytes: u64,
}

impl Size {
    /// Of some files of places; each place is listed once.
    pub async fn of(files: impl IntoIterator<Item = (&Place, &str)>) -> Result<Self, SparkError> {
        let mut keys: BTreeMap<String, (&Place, Vec<&str>)> = BTreeMap::new();
        for (place, key) in files {
            keys.entry(place.address().to_string()).or_insert((place, Vec::new())).1.push(key);
        }
        let mut size = Self::default();
        for (place, wanted) in keys.values() {
            let found = sizes(place, wanted).await?;
            size.files += found.files;
            size.bytes += found.bytes;
        }
        Ok(size)
    }

    /// Of one file of this machine.
    pub fn of_file(path: &std::path::Path) -> Result<Self, SparkError> {
        let about = std::fs::metadata(path).map_err(SparkError::file("read", path))?;
        Ok(Self { files: 1, bytes: about.len() })
    }
}

async fn sizes(place: &Place, wanted: &[&str]) -> Result<Size, LakeError> {
    let first = wanted.first().copied().unwrap_or_default();
    let common = wanted.iter().fold(first, |common, key| {
        let same = common.char_indices().zip(key.chars()).take_while(|((_, one), other)| one == other);
        let end = same.map(|((at, one), _)| at + one.len_utf8()).last().unwrap_or(0);
        common.get(..end).unwrap_or_default()
    });
    let listed: BTreeMap<String, u64> =
        place.list_all(common).await?.into_iter().map(|entry| (entry.key, entry.bytes)).collect();
    let found = wanted.iter().filter_map(|key| listed.get(*key));
    Ok(found.fold(Size::default(), |size, bytes| Size { files: size.files + 1, bytes: size.bytes + bytes }))
}

/// A measurement.
#[derive(Debug, Clone, Copy, PartialEq, serde::Deserialize)]
struct Point {
    bytes: f64,
    here_s: f64,
    spark_s: f64,
}

#[derive(Debug, serde::Deserialize)]
struct Measured {
    dated: String,
    machine: String,
    cores: u32,
    start_s: f64,
    #[serde(default)]
    fit: Vec<Point>,
    #[serde(default)]
    combine: Vec<Point>,
}

fn measured() -> &'static Measured {
    static MEASURED: LazyLock<Measured> = LazyLock::new(|| {
        toml::from_str(include_str!("../../assets/spark/measured.toml"))
            .expect("the table of measurements is part of the program")
    });
    &MEASURED
}

/// The kinds of work that are measured apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A fit.
    Fit,
    /// A combine.
    Combine,
}

/// What a size takes, between the measurements on a line, beyond them in the last one's proportion.
fn taken(points: &[Point], bytes: f64, of: impl Fn(&Point) -> f64) -> Option<f64> {
    let above = points.iter().position(|point| point.bytes >= bytes);
    match above {
        Some(0) => points.first().map(&of),
        Some(at) => {
            let (low, high) = (points.get(at - 1)?, points.get(at)?);
            let share = (bytes - low.bytes) / (high.bytes - low.bytes);
            Some(of(low) + share * (of(high) - of(low)))
        }
        None => points.last().map(|last| of(last) * bytes / last.bytes),
    }
}

/// How long a job takes, by what was measured.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Times {
    /// hydrant itself, on a machine like the one that was measured.
    pub here_s: f64,
    /// The job where it would run, start and all.
    pub there_s: f64,
}

/// A plan.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Plan {
    /// Where it would run.
    pub engine: EngineName,
    /// On what, in words.
    pub machines: String,
    /// What there is to read.
    pub size: Size,
    /// What an hour costs, in dollars; nothing on this machine, `None` where that is not known.
    pub hourly_usd: Option<f64>,
    /// After so many minutes it is ended.
    pub limit_minutes: Option<u32>,
    /// How long it takes; `None` where nothing was measured.
    pub times: Option<Times>,
}

#[expect(clippy::cast_precision_loss, reason = "a size for an estimate")]
fn times(kind: Kind, bytes: u64, cores: Option<u32>) -> Option<Times> {
    let measured = measured();
    let points = match kind {
        Kind::Fit => &measured.fit,
        Kind::Combine => &measured.combine,
    };
    let bytes = bytes as f64;
    let here_s = taken(points, bytes, |point| point.here_s)?;
    let spark_s = taken(points, bytes, |point| point.spark_s)?;
    // On more cores it is faster by as much at best; an estimate says the best.
    let there_s = cores.map_or(spark_s, |cores| {
        measured.start_s + spark_s * f64::from(measured.cores) / f64::from(cores.max(1))
    });
    Some(Times { here_s, there_s })
}

/// The cores of a machine by the size in its type's name: `xlarge` has 4.
fn cores(machine: &str) -> u32 {
    let size = machine.rsplit('.').next().unwrap_or_default();
    match size {
        "medium" | "large" => 2,
        "xlarge" => 4,
        larger => {
            larger.strip_suffix("xlarge").and_then(|times| times.parse::<u32>().ok()).map_or(4, |n| n * 4)
        }
    }
}

impl Plan {
    /// The plan of a job that reads so much, as the settings would have it run.
    pub fn of(kind: Kind, engine: EngineName, size: Size, settings: &Settings) -> Self {
        let count = settings.spark_instances.get();
        let limit = Some(settings.spark_limit_minutes.get());
        let (machines, hourly_usd, limit_minutes, there) = match engine {
            EngineName::Local => (settings.spark_submit.to_string(), Some(0.0), None, None),
            EngineName::Sagemaker => {
                let machine = settings.sagemaker_instance_type.as_str();
                let disk = settings.sagemaker_volume_gb.get();
                let hourly = prices().sagemaker_hour(machine, count, disk);
                (format!("{count} × {machine} with {disk} GB"), hourly, limit, Some(count * cores(machine)))
            }
            EngineName::EmrServerless => {
                // A driver and the executors, as EMR Serverless has them if nobody says otherwise.
                let hourly = prices().emr_serverless_hour(count + 1);
                (format!("up to {count} executors of 4 vCPU"), hourly, limit, Some(count * 4))
            }
            EngineName::Databricks => {
                let machine = settings.databricks_node_type.as_str();
                let hourly = prices().databricks_hour(machine, count + 1);
                (format!("{count} × {machine} and a driver"), hourly, limit, Some(count * cores(machine)))
            }
        };
        let times = times(kind, size.bytes, there);
        Self { engine, machines, size, hourly_usd, limit_minutes, times }
    }

    /// What it would cost by the time it takes, and at most; in dollars.
    pub fn dollars(&self) -> (Option<f64>, Option<f64>) {
        let by_time = self.hourly_usd.zip(self.times).map(|(hourly, times)| hourly * times.there_s / 3600.0);
        let at_most = self
            .hourly_usd
            .zip(self.limit_minutes)
            .map(|(hourly, minutes)| hourly * f64::from(minutes) / 60.0);
        (by_time, at_most)
    }

    /// Whether hydrant itself would do it sooner, if anything is known.
    pub fn advice(&self) -> Option<String> {
        let Times { here_s, there_s } = self.times?;
        let measured = measured();
        (here_s <= there_s).then(|| {
            format!(
                "hydrant itself does this in about {} and for nothing: leave `--engine spark` out (measured {} on {})",
                time(here_s), measured.dated, measured.machine
            )
        })
    }
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a size to be read")]
fn bytes(bytes: u64) -> String {
    match bytes as f64 {
        b if b < 1e3 => format!("{b:.0} B"),
        b if b < 1e6 => format!("{:.1} kB", b / 1e3),
        b if b < 1e9 => format!("{:.1} MB", b / 1e6),
        b => format!("{:.1} GB", b / 1e9),
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { engine, machines, size, .. } = self;
        let files = if size.files == 1 { "file" } else { "files" };
        write!(f, "{} {files}, {}, {}: {machines}", size.files, bytes(size.bytes), engine.at())?;
        if *engine != EngineName::Local {
            match self.hourly_usd {
                Some(hourly) => write!(f, "\nabout ${hourly:.2} an hour")?,
                None => write!(f, "\nits price is not known here")?,
            }
            let (by_time, at_most) = self.dollars();
            if let Some(by_time) = by_time {
                write!(f, ", ${by_time:.2} by the time it takes")?;
            }
            if let Some(minutes) = self.limit_minutes {
                write!(f, "; ended after {minutes} minutes")?;
            }
            if let Some(at_most) = at_most {
                write!(f, ", so ${at_most:.2} at most")?;
            }
            let prices = prices();
            write!(f, " ({} list prices of {})", prices.region, prices.dated)?;
        }
        match self.times {
            Some(Times { there_s, .. }) => write!(f, "\nit takes about {}", time(there_s))?,
            None => write!(f, "\nhow long it takes is not known: nothing like it was measured yet")?,
        }
        self.advice().map_or(Ok(()), |advice| write!(f, "\n{advice}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Sources;

    fn plan(engine: EngineName, flags: &[(&str, &str)]) -> Plan {
        let flags = flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let settings = Settings::load(&Sources { flags, ..Sources::default() }).expect("good settings");
        Plan::of(Kind::Fit, engine, Size { files: 3, bytes: 1_200_000_000 }, &settings)
    }

    #[test]
    fn a_plan_says_what_the_job_costs_at_most() {
        let said = plan(EngineName::Sagemaker, &[("spark_limit_minutes", "60")]).to_string();
        for part in
            ["3 files, 1.2 GB, at SageMaker", "2 × ml.m5.xlarge with 50 GB", "$0.48 an hour", "$0.48 at most"]
        {
            assert!(said.contains(part), "{part}: {said}");
        }
        let unknown = plan(EngineName::Sagemaker, &[("sagemaker_instance_type", "ml.x9.huge")]).to_string();
        assert!(unknown.contains("its price is not known"), "{unknown}");
        let local = plan(EngineName::Local, &[]);
        assert!(!local.to_string().contains('$') && local.hourly_usd == Some(0.0), "{local}");
        for engine in [EngineName::EmrServerless, EngineName::Databricks] {
            assert!(plan(engine, &[]).dollars().1.is_some_and(|most| most > 0.0), "{engine:?}");
        }
    }

    #[test]
    fn times_lie_between_the_measurements_and_go_on_beyond_them() {
        let point = |bytes, here_s| Point { bytes, here_s, spark_s: here_s * 3.0 };
        let points = [point(100.0, 1.0), point(400.0, 4.0), point(1600.0, 20.0)];
        for (bytes, seconds) in [(1.0, 1.0), (100.0, 1.0), (250.0, 2.5), (1000.0, 12.0), (3200.0, 40.0)] {
            let taken = taken(&points, bytes, |point| point.here_s).expect("measured");
            assert!((taken - seconds).abs() < 1e-9, "{bytes}: {taken}");
        }
        assert_eq!(taken(&[], 1.0, |point| point.here_s), None);
    }

    #[test]
    fn advice_names_what_hydrant_itself_takes() {
        let mut plan = plan(EngineName::Sagemaker, &[]);
        plan.times = Some(Times { here_s: 120.0, there_s: 600.0 });
        assert!(plan.advice().is_some_and(|advice| advice.contains("2 min")), "{plan}");
        plan.times = Some(Times { here_s: 7200.0, there_s: 600.0 });
        assert_eq!(plan.advice(), None);
    }

    #[tokio::test]
    async fn the_size_is_that_of_the_files_that_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::Folder(folder.path().to_owned());
        for (key, bytes) in [("csvs/a.csv", 10), ("csvs/b.csv", 20), ("csvs/c.csv", 40), ("2026/x", 80)] {
            place.put(key, &vec![b'x'; bytes]).await.expect("written");
        }
        let size = Size::of([(&place, "csvs/a.csv"), (&place, "csvs/c.csv")]).await.expect("a size");
        assert_eq!(size, Size { files: 2, bytes: 50 });
    }
}
