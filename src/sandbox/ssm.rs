//! Systems Manager: only the public parameters that name the newest images.

use serde::Deserialize;
use serde_json::json;

use super::call::Call;
use super::clock::epoch_seconds;
use super::operation::{Answer, operations};
use super::refusal::Refusal;
use super::world::World;

operations! {
    GetParameter => get_parameter;
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetParameter {
    name: String,
    /// Public parameters are never encrypted: it makes no difference.
    #[serde(rename = "WithDecryption")]
    _with_decryption: Option<bool>,
}

/// Public parameters do not change while a sandbox runs; this is when ours were written.
const WRITTEN: jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;

fn get_parameter(_: &mut World, call: &Call, input: GetParameter) -> Answer {
    let image = super::ec2::images::by_public_parameter(&input.name)
        .ok_or_else(|| Refusal::new("ParameterNotFound", ""))?;
    Ok(json!({
        "Parameter": {
            "Name": input.name,
            "Type": "String",
            "Value": image,
            "Version": 1,
            "LastModifiedDate": epoch_seconds(WRITTEN),
            "ARN": format!("arn:aws:ssm:{}::parameter{}", call.place.region, input.name),
            "DataType": "aws:ec2:image",
        }
    })
    .into())
}
