//! The plan of a job: how much there is to read, where it would run, what that costs, how long it takes by what was
//! measured, and whether hydrant itself would do.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use super::SparkError;
use super::prices::prices;
use crate::lake::combine::Due;
use crate::lake::{LakeError, Place};
use crate::settings::{EngineName, Settings};
use crate::text::{bytes_and_a_tenth as bytes, counted};

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

    /// Of the hours that are due.
    pub fn of_due(due: &[Due]) -> Self {
        let sum = |size: Self, due: &Due| Self {
            files: size.files + due.totals.files,
            bytes: size.bytes + due.totals.bytes,
        };
        due.iter().fold(Self::default(), sum)
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

/// A measurement: what both took for the same data, in CPU seconds of all cores together.
#[derive(Debug, Clone, Copy, PartialEq, serde::Deserialize)]
struct Point {
    bytes: f64,
    here_cpu_s: f64,
    here_mb: f64,
    spark_cpu_s: f64,
}

#[derive(Debug, serde::Deserialize)]
struct Measured {
    dated: String,
    machine: String,
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

impl Kind {
    fn points(self) -> &'static [Point] {
        match self {
            Self::Fit => &measured().fit,
            Self::Combine => &measured().combine,
        }
    }
}

/// The machine that hydrant runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// Its cores.
    pub cores: u32,
    /// Its memory, in bytes.
    pub memory: u64,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { cores: u32::try_from(cores).unwrap_or(u32::MAX), memory: rustix::system::sysinfo().totalram }
    }
}

/// What a size takes: between the measurements on the line between them, beyond them on that of the last two.
fn taken(points: &[Point], bytes: f64, of: impl Fn(&Point) -> f64) -> Option<f64> {
    let (first, last) = (points.first()?, points.last()?);
    if bytes <= first.bytes {
        return Some(of(first));
    }
    let above = points.iter().position(|point| point.bytes >= bytes).unwrap_or(points.len() - 1);
    let Some(low) = above.checked_sub(1).and_then(|below| points.get(below)) else {
        return Some(of(last) * bytes / last.bytes);
    };
    let high = points.get(above)?;
    let share = (bytes - low.bytes) / (high.bytes - low.bytes);
    Some(of(low) + share * (of(high) - of(low)))
}

/// How long a job takes, by what was measured, when the cores have nothing else to do and all of them work.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Times {
    /// hydrant itself, on this machine.
    pub here_s: f64,
    /// How much memory it takes for it, in bytes.
    pub here_bytes: f64,
    /// The job where it would run, start and all.
    pub there_s: f64,
    /// What it takes until Spark there is sooner, if anything does.
    pub pays: Option<Pays>,
}

/// When Spark is sooner than hydrant itself.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pays {
    /// From so many bytes on.
    FromBytes(f64),
    /// Not with so few cores, however much there is: with more than so many.
    FromCores(u32),
}

/// Where the lines of both through the first and the last measurement cross, on so many cores here and there.
fn pays(points: &[Point], start_s: f64, here: u32, there: u32) -> Option<Pays> {
    let (first, last) = (points.first()?, points.last()?);
    let over = last.bytes - first.bytes;
    if over <= 0.0 {
        return None;
    }
    let line = |of: fn(&Point) -> f64, cores: u32| {
        let each = (of(last) - of(first)) / over;
        ((of(first) - each * first.bytes) / f64::from(cores), each / f64::from(cores))
    };
    let (here_start, here_each) = line(|point| point.here_cpu_s, here);
    let (there_start, there_each) = line(|point| point.spark_cpu_s, there);
    if there_each < here_each {
        let crossing = (start_s + there_start - here_start) / (here_each - there_each);
        return Some(Pays::FromBytes(crossing.max(0.0)));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count for an estimate")]
    let cores = (f64::from(there) * there_each / here_each).ceil() as u32;
    (here_each > 0.0).then_some(Pays::FromCores(cores))
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
    #[serde(skip)]
    here: Machine,
}

#[expect(clippy::cast_precision_loss, reason = "a size for an estimate")]
fn times(points: &[Point], bytes: u64, there: Option<u32>, here: Machine) -> Option<Times> {
    let bytes = bytes as f64;
    let here_s = taken(points, bytes, |point| point.here_cpu_s)? / f64::from(here.cores.max(1));
    let here_bytes = taken(points, bytes, |point| point.here_mb)? * 1e6;
    // Machines elsewhere have to be found and started first.
    let (start_s, there) = there.map_or((0.0, here.cores), |there| (measured().start_s, there));
    let there_s = start_s + taken(points, bytes, |point| point.spark_cpu_s)? / f64::from(there.max(1));
    Some(Times { here_s, here_bytes, there_s, pays: pays(points, start_s, here.cores.max(1), there.max(1)) })
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
    /// The plan of a job that reads so much, as the settings would have it run, asked for on this machine.
    pub fn of(kind: Kind, engine: EngineName, size: Size, settings: &Settings, here: Machine) -> Self {
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
                (
                    format!("up to {} of 4 vCPU", counted(count, "executor", "executors")),
                    hourly,
                    limit,
                    Some(count * 4),
                )
            }
            EngineName::Databricks => {
                let machine = settings.databricks_node_type.as_str();
                let hourly = prices().databricks_hour(machine, count + 1);
                (format!("{count} × {machine} and a driver"), hourly, limit, Some(count * cores(machine)))
            }
        };
        let times = times(kind.points(), size.bytes, there, here);
        Self { engine, machines, size, hourly_usd, limit_minutes, times, here }
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

    /// All of it but the advice: what there is to read, what it costs and how long it takes, a line each.
    pub fn about(&self) -> impl fmt::Display + '_ {
        About(self)
    }

    /// Which of the two the work is for, if anything is known and it is not what is planned; as a command is told it.
    pub fn advice(&self) -> Option<String> {
        self.advice_to("leave `--engine spark` out")
    }

    /// The same with other words for how hydrant itself is chosen.
    #[expect(clippy::cast_precision_loss, reason = "a size to be read")]
    pub fn advice_to(&self, choose: &str) -> Option<String> {
        let Times { here_s, here_bytes, there_s, pays } = self.times?;
        if here_bytes > self.here.memory as f64 {
            return Some(format!(
                "hydrant itself would take about {} of memory for this, and this machine has {}: it is work for Spark",
                bytes(here_bytes),
                bytes(self.here.memory as f64)
            ));
        }
        if here_s > there_s {
            return None;
        }
        let pays = match pays {
            Some(Pays::FromBytes(crossing)) => {
                format!("; Spark {} is sooner from about {} on", self.engine.at(), bytes(crossing))
            }
            Some(Pays::FromCores(cores)) => {
                format!("; however much there is, Spark is sooner only with more than {cores} cores")
            }
            None => String::new(),
        };
        Some(format!("hydrant itself does this in about {} and for nothing: {choose}{pays}", time(here_s)))
    }

    /// What the times are from.
    fn source(&self) -> String {
        let (measured, cores) = (measured(), self.here.cores);
        let cores = if cores == 1 { "its one core".to_owned() } else { format!("its {cores} cores") };
        format!("measured {} on {}; for this machine, with {cores} at it", measured.dated, measured.machine)
    }
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.about().fmt(f)?;
        self.advice().map_or(Ok(()), |advice| write!(f, "\n{advice}"))
    }
}

struct About<'a>(&'a Plan);

impl fmt::Display for About<'_> {
    #[expect(clippy::cast_precision_loss, reason = "a size to be read")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.0;
        let Plan { engine, machines, size, .. } = plan;
        let files = counted(size.files, "file", "files");
        write!(f, "{files}, {}, {}: {machines}", bytes(size.bytes as f64), engine.at())?;
        if *engine != EngineName::Local {
            match plan.hourly_usd {
                Some(hourly) => write!(f, "\nabout ${hourly:.2} an hour")?,
                None => write!(f, "\nits price is not known here")?,
            }
            let (by_time, at_most) = plan.dollars();
            if let Some(by_time) = by_time {
                write!(f, ", ${by_time:.2} by the time it takes")?;
            }
            if let Some(minutes) = plan.limit_minutes {
                write!(f, "; ended after {minutes} min")?;
            }
            if let Some(at_most) = at_most {
                write!(f, ", so ${at_most:.2} at most")?;
            }
            let prices = prices();
            write!(f, " ({} list prices of {})", prices.region, prices.dated)?;
        }
        match plan.times {
            Some(Times { here_s, there_s, .. }) => {
                let (there, here) = (time(there_s), time(here_s));
                write!(f, "\nit takes about {there}, hydrant itself about {here} ({})", plan.source())
            }
            None => write!(f, "\nhow long it takes is not known: nothing like it was measured yet"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Sources;

    const HERE: Machine = Machine { cores: 4, memory: 16_000_000_000 };

    fn plan(engine: EngineName, flags: &[(&str, &str)]) -> Plan {
        plan_of(Kind::Fit, engine, 1_200_000_000, flags)
    }

    fn plan_of(kind: Kind, engine: EngineName, bytes: u64, flags: &[(&str, &str)]) -> Plan {
        let flags = flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let settings = Settings::load(&Sources { flags, ..Sources::default() }).expect("good settings");
        Plan::of(kind, engine, Size { files: 3, bytes }, &settings, HERE)
    }

    /// hydrant: 2 CPU seconds and 10 a gigabyte; Spark: 20 and 100.
    fn points() -> [Point; 3] {
        [1.0, 4.0, 16.0].map(|gigabytes| Point {
            bytes: gigabytes * 1e9,
            here_cpu_s: 2.0 + 10.0 * gigabytes,
            here_mb: 500.0 * gigabytes,
            spark_cpu_s: 20.0 + 100.0 * gigabytes,
        })
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
        let point = |bytes, here_cpu_s| Point { bytes, here_cpu_s, here_mb: 1.0, spark_cpu_s: 3.0 };
        let points = [point(100.0, 1.0), point(400.0, 4.0), point(1600.0, 20.0)];
        let taken = |points: &[Point], bytes| taken(points, bytes, |point| point.here_cpu_s);
        for (bytes, seconds) in
            [(1.0, 1.0), (100.0, 1.0), (250.0, 2.5), (1000.0, 12.0), (1600.0, 20.0), (2800.0, 36.0)]
        {
            let taken = taken(&points, bytes).expect("measured");
            assert!((taken - seconds).abs() < 1e-9, "{bytes}: {taken}");
        }
        assert_eq!(taken(&points[..1], 300.0), Some(3.0), "one measurement goes on in proportion");
        assert_eq!(taken(&[], 1.0), None);
    }

    #[test]
    fn cores_share_the_work_and_machines_elsewhere_start_first() {
        let close = |one: f64, other: f64| assert!((one - other).abs() < 1e-6, "{one} and {other}");
        let here = times(&points(), 8_000_000_000, None, HERE).expect("measured");
        close(here.here_s, 82.0 / 4.0);
        close(here.here_bytes, 4e9);
        close(here.there_s, 820.0 / 4.0);
        let there = times(&points(), 8_000_000_000, Some(8), HERE).expect("measured");
        close(there.there_s, measured().start_s + 820.0 / 8.0);
    }

    #[test]
    fn spark_pays_where_the_lines_cross_or_with_more_cores() {
        let points = points();
        // 10 s a gigabyte here on one core; 100/20 = 5 there: (300 + 20/20 − 2) / (10 − 5).
        let Some(Pays::FromBytes(bytes)) = pays(&points, 300.0, 1, 20) else { panic!("it pays") };
        assert!((bytes - 299.0 / 5.0 * 1e9).abs() < 1.0, "{bytes}");
        assert_eq!(pays(&points, 300.0, 4, 8), Some(Pays::FromCores(40)));
        assert_eq!(pays(&points[..1], 300.0, 4, 8), None, "one measurement is no line");
    }

    #[test]
    fn advice_names_what_hydrant_itself_takes() {
        let mut plan = plan(EngineName::Sagemaker, &[]);
        let times = Times {
            here_s: 120.0,
            here_bytes: 1e9,
            there_s: 600.0,
            pays: Some(Pays::FromBytes(80_000_000_000.0)),
        };
        let advice = |plan: &Plan| plan.advice().unwrap_or_default();
        plan.times = Some(times);
        let said = advice(&plan);
        assert!(
            said.contains("2 min") && said.contains("at SageMaker is sooner from about 80.0 GB"),
            "{said}"
        );
        plan.times = Some(Times { pays: Some(Pays::FromCores(50)), ..times });
        assert!(advice(&plan).contains("only with more than 50 cores"), "{plan}");
        plan.times = Some(Times { here_s: 7200.0, ..times });
        assert_eq!(plan.advice(), None);
        assert!(plan.to_string().contains("it takes about 10 min, hydrant itself about 2.0 h"), "{plan}");
        plan.times = Some(Times { here_bytes: 60e9, ..times });
        let said = advice(&plan);
        assert!(said.contains("about 60.0 GB of memory") && said.contains("work for Spark"), "{said}");
    }

    #[test]
    fn what_was_measured_is_whole_and_gives_an_estimate() {
        assert!(!measured().dated.is_empty() && !measured().machine.is_empty());
        for kind in [Kind::Fit, Kind::Combine] {
            let points = kind.points();
            assert!(
                !points.is_empty() && points.is_sorted_by(|one, other| one.bytes < other.bytes),
                "{kind:?}"
            );
            for engine in EngineName::ALL {
                let plan = plan_of(kind, engine, 700_000_000, &[]);
                let times = plan.times.expect("it was measured");
                assert!(times.here_s > 0.0 && times.there_s > 0.0 && times.here_bytes > 0.0, "{plan}");
                assert_eq!(times.pays.is_some(), points.len() > 1, "{plan}");
                assert!(plan.to_string().contains("measured 20"), "{plan}");
            }
        }
        // What hydrant does in seconds is not worth a cluster's start.
        let plan = plan_of(Kind::Combine, EngineName::Sagemaker, 500_000_000, &[]);
        assert!(plan.advice().is_some_and(|advice| advice.contains("leave `--engine spark` out")), "{plan}");
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
