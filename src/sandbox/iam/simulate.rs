//! Simulation: what policies would decide, for those who want to know beforehand.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::{self, Source};
use super::document::Policy;
use super::evaluate::{self, Decision, Question};
use super::pattern::Context;
use super::{account_and_name, account_of, aws_managed, checks, roles, users};
use crate::sandbox::call::Call;
use crate::sandbox::operation::Answer;
use crate::sandbox::paging::Page;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::wire::Number;
use crate::sandbox::world::World;

/// No simulation has more: AWS says no number, but has one.
const MOST_RESULTS: usize = 100_000;

/// What is known of the imagined request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ContextEntry {
    context_key_name: String,
    #[serde(default, deserialize_with = "checks::list")]
    context_key_values: Vec<String>,
    /// The operators of conditions decide how values are read, not this.
    #[serde(rename = "ContextKeyType")]
    _context_key_type: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SimulatePrincipalPolicy {
    policy_source_arn: String,
    #[serde(default, deserialize_with = "checks::list")]
    policy_input_list: Vec<String>,
    #[serde(default, deserialize_with = "checks::list")]
    permissions_boundary_policy_input_list: Vec<String>,
    #[serde(deserialize_with = "checks::list")]
    action_names: Vec<String>,
    #[serde(default, deserialize_with = "checks::list")]
    resource_arns: Vec<String>,
    #[serde(default, deserialize_with = "checks::list")]
    context_entries: Vec<ContextEntry>,
    marker: Option<String>,
    max_items: Option<Number<u32>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SimulateCustomPolicy {
    #[serde(deserialize_with = "checks::list")]
    policy_input_list: Vec<String>,
    #[serde(default, deserialize_with = "checks::list")]
    permissions_boundary_policy_input_list: Vec<String>,
    #[serde(deserialize_with = "checks::list")]
    action_names: Vec<String>,
    #[serde(default, deserialize_with = "checks::list")]
    resource_arns: Vec<String>,
    #[serde(default, deserialize_with = "checks::list")]
    context_entries: Vec<ContextEntry>,
    marker: Option<String>,
    max_items: Option<Number<u32>>,
}

pub(super) fn simulate_principal_policy(
    world: &mut World,
    call: &Call,
    input: SimulatePrincipalPolicy,
) -> Answer {
    let mut principal = Principal::find(world, call, &input.policy_source_arn)?;
    principal.sources.extend(given(&input.policy_input_list)?);
    if !input.permissions_boundary_policy_input_list.is_empty() {
        principal.boundary = Some(given(&input.permissions_boundary_policy_input_list)?);
    }
    let imagined = Imagined {
        action_names: input.action_names,
        resource_arns: input.resource_arns,
        context_entries: input.context_entries,
        now: call.now,
    };
    imagined.answer(&principal, input.marker.as_deref(), input.max_items)
}

pub(super) fn simulate_custom_policy(_: &mut World, call: &Call, input: SimulateCustomPolicy) -> Answer {
    let bounds = &input.permissions_boundary_policy_input_list;
    let principal = Principal {
        sources: given(&input.policy_input_list)?,
        boundary: if bounds.is_empty() { None } else { Some(given(bounds)?) },
        known: Box::new(access::context_of_anyone),
    };
    let imagined = Imagined {
        action_names: input.action_names,
        resource_arns: input.resource_arns,
        context_entries: input.context_entries,
        now: call.now,
    };
    imagined.answer(&principal, input.marker.as_deref(), input.max_items)
}

/// Policies that stand in the request.
fn given(documents: &[String]) -> Result<Vec<Source>, Refusal> {
    let read = |(index, document): (usize, &String)| {
        let policy = Policy::identity(document).map_err(|refusal| checks::invalid_input(refusal.message))?;
        Ok(Source { id: format!("PolicyInputList.{}", index + 1), policy })
    };
    documents.iter().enumerate().map(read).collect()
}

/// What a request on a resource would say by itself.
type Known<'a> = dyn Fn(&str, Timestamp) -> Context + 'a;

/// Whose policies are asked.
struct Principal<'a> {
    sources: Vec<Source>,
    boundary: Option<Vec<Source>>,
    known: Box<Known<'a>>,
}

impl<'a> Principal<'a> {
    fn find(world: &'a World, call: &Call, arn: &str) -> Result<Self, Refusal> {
        checks::length("policySourceArn", arn, 20, 2048)?;
        let unclear = || {
            checks::invalid_input(format!(
                "Invalid Entity Arn: {arn} does not clearly define entity type and name."
            ))
        };
        let (account, name) =
            account_and_name(arn).filter(|_| arn.starts_with("arn:aws:iam::")).ok_or_else(unclear)?;
        let is_own = account == call.caller.account();
        if arn.contains(":role/") {
            let role = world.iam.role_by_arn(arn).filter(|_| is_own);
            return role
                .map(|role| Self::role(world, role))
                .ok_or_else(|| checks::no_such(format!("The role with name {name} cannot be found.")));
        }
        if arn.contains(":user/") {
            let is_operator = is_own && arn.ends_with(":user/operator");
            return if is_operator { Ok(Self::operator(arn)) } else { Err(users::no_user(name)) };
        }
        Err(unclear())
    }

    fn role(world: &'a World, role: &'a roles::Role) -> Self {
        Self {
            sources: access::sources(world, role),
            boundary: access::boundary(world, role)
                .map(|policy| vec![Source { id: role.boundary.clone().unwrap_or_default(), policy }]),
            known: Box::new(move |resource, now| access::context_of(role, resource, now)),
        }
    }

    /// The operator may do everything.
    fn operator(arn: &str) -> Self {
        let account = account_of(arn).unwrap_or_default().to_owned();
        let arn = arn.to_owned();
        Self {
            sources: aws_managed::administrator().into_iter().collect(),
            boundary: None,
            known: Box::new(move |resource, now| {
                access::context_of_anyone(resource, now)
                    .with("aws:PrincipalArn", arn.clone())
                    .with("aws:PrincipalType", "User")
                    .with("aws:PrincipalAccount", account.clone())
                    .with("aws:username", users::OPERATOR)
            }),
        }
    }
}

/// The imagined requests: each action on each resource.
struct Imagined {
    action_names: Vec<String>,
    resource_arns: Vec<String>,
    context_entries: Vec<ContextEntry>,
    now: Timestamp,
}

impl Imagined {
    /// A page of the results. Only what stands on the page is evaluated.
    fn answer(
        &self,
        principal: &Principal<'_>,
        marker: Option<&str>,
        max_items: Option<Number<u32>>,
    ) -> Answer {
        self.check()?;
        let anything = ["*".to_owned()];
        let resources = if self.resource_arns.is_empty() { &anything[..] } else { &self.resource_arns };
        let asked = self
            .action_names
            .iter()
            .flat_map(|action| resources.iter().map(move |resource| (action.as_str(), resource.as_str())));
        let keyed = asked.enumerate().map(|(place, asked)| (format!("{place:08}"), asked));
        let Page { items, next } = checks::page(keyed, marker, max_items)?;
        let items =
            items.into_iter().map(|(action, resource)| self.result(principal, action, resource)).collect();
        Ok(checks::listed("EvaluationResults", Page { items, next }).into())
    }

    fn check(&self) -> Result<(), Refusal> {
        if self.action_names.is_empty() {
            return Err(checks::invalid_input("At least one action name must be specified."));
        }
        if self.action_names.len().saturating_mul(self.resource_arns.len()) > MOST_RESULTS {
            return Err(checks::invalid_input(format!("More than {MOST_RESULTS} results are asked for.")));
        }
        for resource in &self.resource_arns {
            checks::length("resourceArns", resource, 1, 2048)?;
        }
        self.action_names.iter().try_for_each(|action| check_action(action))
    }

    fn result(&self, principal: &Principal<'_>, action: &str, resource: &str) -> Value {
        let mut context = (principal.known)(resource, self.now);
        for entry in &self.context_entries {
            context.set(&entry.context_key_name, entry.context_key_values.clone());
        }
        let question = Question { action, resource, context: &context };
        let mut matched = Vec::new();
        let mut effects = Vec::new();
        let mut missing = BTreeSet::new();
        for source in principal.sources.iter().chain(principal.boundary.iter().flatten()) {
            missing.extend(
                source.policy.statements.iter().flat_map(|statement| statement.unknown_keys(question)),
            );
        }
        for source in &principal.sources {
            for statement in source.policy.statements.iter().filter(|statement| statement.applies(question)) {
                effects.push(statement.effect);
                matched.push(json!({ "SourcePolicyId": source.id, "SourcePolicyType": "IAM Policy" }));
            }
        }
        let boundary = principal
            .boundary
            .as_ref()
            .map(|sources| evaluate::decide(sources.iter().map(|source| &source.policy), question));
        let decision = evaluate::decide_by(effects.into_iter()).within(boundary);
        json!({
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": decision.name(),
            "MatchedStatements": matched,
            "MissingContextValues": missing,
            "PermissionsBoundaryDecisionDetail": boundary.map(
                |boundary| json!({ "AllowedByPermissionsBoundary": boundary == Decision::Allowed })
            ),
        })
    }
}

/// A single action, named in full.
fn check_action(action: &str) -> Result<(), Refusal> {
    checks::length("actionNames", action, 3, 128)?;
    let is_whole = action.split_once(':').is_some_and(|(service, name)| {
        !service.is_empty() && !name.is_empty() && !action.contains(['*', '?']) && !name.contains(':')
    });
    if is_whole { Ok(()) } else { Err(checks::invalid_input(format!("Invalid Action name: {action}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::trial::Trial;

    fn decisions(answer: &Value) -> Vec<&str> {
        let results = answer["EvaluationResults"].as_array().expect("a list");
        results.iter().filter_map(|result| result["EvalDecision"].as_str()).collect()
    }

    fn document(statements: &Value) -> String {
        json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
    }

    #[test]
    fn the_operator_may_do_everything() {
        let mut trial = Trial::new();
        let input = json!({
            "PolicySourceArn": "arn:aws:iam::123456789012:user/operator",
            "ActionNames": ["s3:GetObject", "iam:PassRole"],
            "ResourceArns": ["arn:aws:s3:::tweets/*", "*"],
            "MaxItems": "3",
        });
        let answer = trial.ask("iam", "SimulatePrincipalPolicy", input.clone()).expect("a simulation");
        assert_eq!(decisions(&answer), ["allowed"; 3]);
        let mut rest = input;
        rest["Marker"] = answer["Marker"].clone();
        let answer = trial.ask("iam", "SimulatePrincipalPolicy", rest).expect("the rest");
        assert_eq!(decisions(&answer), ["allowed"]);
        assert_eq!(answer["EvaluationResults"][0]["EvalActionName"], "iam:PassRole");
        assert_eq!(answer["EvaluationResults"][0]["EvalResourceName"], "*");
    }

    #[test]
    fn a_role_may_do_what_its_policies_say() {
        let mut trial = Trial::new();
        let trust = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "ec2.amazonaws.com" } });
        let role = json!({ "RoleName": "host", "AssumeRolePolicyDocument": document(&trust) });
        trial.ask("iam", "CreateRole", role).expect("a new role");
        let policy = document(&json!([
            { "Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::tweets/*" },
            { "Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*" },
        ]));
        let policy = json!({ "RoleName": "host", "PolicyName": "own", "PolicyDocument": policy });
        trial.ask("iam", "PutRolePolicy", policy).expect("put");
        let mut input = json!({
            "PolicySourceArn": "arn:aws:iam::123456789012:role/host",
            "ActionNames": ["s3:GetObject", "s3:DeleteObject", "ec2:RunInstances"],
            "ResourceArns": ["arn:aws:s3:::tweets/x"],
        });
        let answer = trial.ask("iam", "SimulatePrincipalPolicy", input.clone()).expect("a simulation");
        assert_eq!(decisions(&answer), ["allowed", "explicitDeny", "implicitDeny"]);
        assert_eq!(answer["EvaluationResults"][0]["MatchedStatements"][0]["SourcePolicyId"], "role_host_own");
        input["PolicySourceArn"] = json!("arn:aws:iam::123456789012:role/nobody");
        assert_eq!(trial.refused("iam", "SimulatePrincipalPolicy", input.clone()), "NoSuchEntity");
        input["PolicySourceArn"] = json!("arn:aws:iam::123456789012:root");
        assert_eq!(trial.refused("iam", "SimulatePrincipalPolicy", input), "InvalidInput");
    }

    #[test]
    fn conditions_are_asked_with_the_context_that_is_given() {
        let mut trial = Trial::new();
        let statement = json!({ "Effect": "Allow", "Action": "ec2:TerminateInstances", "Resource": "*",
                                "Condition": { "StringEquals": { "aws:ResourceTag/stack": "main" } } });
        let mut input =
            json!({ "PolicyInputList": [document(&statement)], "ActionNames": ["ec2:TerminateInstances"] });
        let answer = trial.ask("iam", "SimulateCustomPolicy", input.clone()).expect("a simulation");
        assert_eq!(decisions(&answer), ["implicitDeny"]);
        assert_eq!(answer["EvaluationResults"][0]["MissingContextValues"], json!(["aws:ResourceTag/stack"]));
        input["ContextEntries"] = json!([{ "ContextKeyName": "aws:ResourceTag/stack",
                                          "ContextKeyValues": ["main"], "ContextKeyType": "string" }]);
        let answer = trial.ask("iam", "SimulateCustomPolicy", input.clone()).expect("a simulation");
        assert_eq!(decisions(&answer), ["allowed"]);
        input["PolicyInputList"] = json!(["{"]);
        assert_eq!(trial.refused("iam", "SimulateCustomPolicy", input.clone()), "InvalidInput");
        input["ActionNames"] = json!(["ec2:*"]);
        assert_eq!(trial.refused("iam", "SimulateCustomPolicy", input), "InvalidInput");
    }
}
