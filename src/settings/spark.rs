//! The types of Spark's settings.

use super::SettingValue;

/// A place where Spark runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineName {
    /// `spark-submit` on this machine.
    Local,
    /// A processing job of Amazon SageMaker.
    Sagemaker,
    /// A job run of Amazon EMR Serverless.
    EmrServerless,
    /// A one-time run on Databricks.
    Databricks,
}

impl EngineName {
    /// Every place.
    pub const ALL: [Self; 4] = [Self::Local, Self::Sagemaker, Self::EmrServerless, Self::Databricks];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Sagemaker => "sagemaker",
            Self::EmrServerless => "emr-serverless",
            Self::Databricks => "databricks",
        }
    }

    /// Where a job is then, in a sentence.
    pub const fn at(self) -> &'static str {
        match self {
            Self::Local => "on this machine",
            Self::Sagemaker => "at SageMaker",
            Self::EmrServerless => "at EMR Serverless",
            Self::Databricks => "on Databricks",
        }
    }

    /// As people call it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Local => "Spark on this machine",
            Self::Sagemaker => "SageMaker",
            Self::EmrServerless => "EMR Serverless",
            Self::Databricks => "Databricks",
        }
    }
}

impl std::str::FromStr for EngineName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|engine| engine.name() == text)
            .ok_or_else(|| format!("must be one of {}, not `{text}`", Self::ALL.map(Self::name).join(", ")))
    }
}

impl SettingValue for EngineName {
    fn parse(written: &str) -> Result<Self, String> {
        written.parse()
    }

    fn show(&self) -> Option<String> {
        Some(self.name().to_owned())
    }
}
