//! The account and its one user, the operator.

use serde::Deserialize;
use serde_json::json;

use super::checks;
use crate::sandbox::call::{Call, Caller};
use crate::sandbox::clock::iso;
use crate::sandbox::operation::Answer;
use crate::sandbox::paging::Page;
use crate::sandbox::wire::Number;
use crate::sandbox::world::World;

/// The name of the account's one user.
pub(super) const OPERATOR: &str = "operator";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GetUser {
    user_name: Option<String>,
}

pub(super) fn get_user(_: &mut World, call: &Call, input: GetUser) -> Answer {
    match (input.user_name.as_deref(), &call.caller) {
        (None, Caller::Operator { .. }) | (Some(OPERATOR), _) => {}
        (None, _) => {
            return Err(checks::validation("Must specify userName when calling with non-User credentials"));
        }
        (Some(name), _) => {
            checks::name("userName", name, 128)?;
            return Err(no_user(name));
        }
    }
    let operator = Caller::Operator { account: call.caller.account().to_owned() };
    Ok(json!({
        "User": {
            "Path": "/",
            "UserName": OPERATOR,
            "UserId": operator.user_id(),
            "Arn": operator.arn(),
            // Operators come with the account: they were always there.
            "CreateDate": iso(jiff::Timestamp::UNIX_EPOCH),
        }
    })
    .into())
}

/// There is no such user.
pub(super) fn no_user(name: &str) -> crate::sandbox::refusal::Refusal {
    checks::no_such(format!("The user with name {name} cannot be found."))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListAccountAliases {
    marker: Option<String>,
    max_items: Option<Number<u32>>,
}

pub(super) fn list_account_aliases(_: &mut World, _: &Call, input: ListAccountAliases) -> Answer {
    let none: Page<&str> = checks::page(std::iter::empty(), input.marker.as_deref(), input.max_items)?;
    Ok(checks::listed("AccountAliases", none).into())
}
