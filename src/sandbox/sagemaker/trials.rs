//! What the trials of SageMaker begin with.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::sandbox::trial::Trial;

/// A world with a role that SageMaker may take, old enough to be known everywhere.
pub(super) fn with_role(name: &str) -> Trial {
    let mut trial = Trial::new();
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "sagemaker.amazonaws.com" },
            "Action": "sts:AssumeRole",
        }],
    });
    let role = json!({ "RoleName": name, "AssumeRolePolicyDocument": trust.to_string() });
    drop(trial.ask("iam", "CreateRole", role));
    trial.wait(Duration::from_mins(1));
    trial
}

pub(super) fn encoded(script: &str) -> String {
    BASE64_STANDARD.encode(script)
}
