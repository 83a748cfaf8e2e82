//! What policies decide: an explicit deny wins, then an allow; whatever is not allowed is denied.

use std::collections::BTreeSet;

use super::document::{Effect, Element, Policy, Statement};
use super::pattern::{self, Context};

/// What is asked of policies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) action: &'a str,
    pub(super) resource: &'a str,
    pub(super) context: &'a Context,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    Allowed,
    ImplicitDeny,
    ExplicitDeny,
}

impl Decision {
    /// As simulations give it back.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::ImplicitDeny => "implicitDeny",
            Self::ExplicitDeny => "explicitDeny",
        }
    }

    /// What is decided where a boundary must allow it too.
    pub(super) fn within(self, boundary: Option<Self>) -> Self {
        match (self, boundary) {
            (_, Some(Self::ExplicitDeny)) | (Self::ExplicitDeny, _) => Self::ExplicitDeny,
            (_, Some(Self::ImplicitDeny)) => Self::ImplicitDeny,
            (own, _) => own,
        }
    }
}

/// What these policies decide.
pub(super) fn decide<'a>(policies: impl IntoIterator<Item = &'a Policy>, question: Question<'_>) -> Decision {
    let applying = policies
        .into_iter()
        .flat_map(|policy| &policy.statements)
        .filter(|statement| statement.applies(question));
    decide_by(applying.map(|statement| statement.effect))
}

/// What statements that apply decide.
pub(super) fn decide_by(effects: impl Iterator<Item = Effect>) -> Decision {
    let mut decision = Decision::ImplicitDeny;
    for effect in effects {
        match effect {
            Effect::Deny => return Decision::ExplicitDeny,
            Effect::Allow => decision = Decision::Allowed,
        }
    }
    decision
}

impl Statement {
    /// Whether it says something about what is asked.
    pub(super) fn applies(&self, question: Question<'_>) -> bool {
        self.is_about(question) && self.conditions.iter().all(|condition| condition.holds(question.context))
    }

    /// The keys that its conditions ask for and the context does not know.
    pub(super) fn unknown_keys(&self, question: Question<'_>) -> BTreeSet<String> {
        let keys = self.conditions.iter().map(|condition| &condition.key);
        keys.filter(|key| self.is_about(question) && question.context.get(key).is_none()).cloned().collect()
    }

    fn is_about(&self, question: Question<'_>) -> bool {
        self.is_about_action(question.action)
            && self.resources.as_ref().is_none_or(|resources| {
                resources.has(|pattern| pattern::is_arn_like(pattern, question.resource, question.context))
            })
    }

    /// Actions do not differ by case, and know no variables.
    fn is_about_action(&self, action: &str) -> bool {
        let (action, nothing) = (action.to_lowercase(), Context::default());
        self.actions.has(|pattern| pattern::is_like(&pattern.to_lowercase(), &action, &nothing))
    }
}

impl Element {
    fn has(&self, fits: impl Fn(&str) -> bool) -> bool {
        self.patterns.iter().any(|pattern| fits(pattern)) != self.is_except
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const OBJECT: &str = "arn:aws:s3:::tweets/2026/11/20.gz";

    fn decided(statements: &Value, action: &str, resource: &str) -> Decision {
        let document = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let policy = Policy::identity(&document).expect("a policy");
        let context = Context::default()
            .with("aws:PrincipalArn", "arn:aws:iam::123456789012:role/host")
            .with("aws:RequestedRegion", "us-east-1");
        decide([&policy], Question { action, resource, context: &context })
    }

    #[test]
    fn statements_decide() {
        use Decision::{Allowed, ExplicitDeny, ImplicitDeny};
        let allow = |action: Value, resource: Value| json!({ "Effect": "Allow", "Action": action, "Resource": resource });
        let everything = allow(json!("*"), json!("*"));
        let cases = [
            (everything.clone(), "s3:GetObject", OBJECT, Allowed),
            (everything.clone(), "ec2:DescribeInstances", "*", Allowed),
            (allow(json!("s3:GetObject"), json!("arn:aws:s3:::tweets/*")), "s3:GetObject", OBJECT, Allowed),
            (allow(json!("S3:getobject"), json!("arn:aws:s3:::tweets/*")), "s3:GetObject", OBJECT, Allowed),
            (allow(json!("s3:Get*"), json!("arn:aws:s3:::tweets/*")), "s3:GetObject", OBJECT, Allowed),
            (allow(json!("s3:???Object"), json!("*")), "s3:GetObject", OBJECT, Allowed),
            (allow(json!(["s3:PutObject", "s3:GetObject"]), json!("*")), "s3:GetObject", OBJECT, Allowed),
            (allow(json!("s3:PutObject"), json!("*")), "s3:GetObject", OBJECT, ImplicitDeny),
            (allow(json!("s3:*"), json!("arn:aws:s3:::tweets")), "s3:GetObject", OBJECT, ImplicitDeny),
            (allow(json!("s3:*"), json!("arn:aws:s3:::TWEETS/*")), "s3:GetObject", OBJECT, ImplicitDeny),
            (
                allow(json!("s3:*"), json!(["arn:aws:s3:::a", "arn:aws:s3:::tweets/*"])),
                "s3:GetObject",
                OBJECT,
                Allowed,
            ),
            (allow(json!("s3:*"), json!("arn:aws:s3:::tweets/*")), "s3:ListAllMyBuckets", "*", ImplicitDeny),
            (
                json!({ "Effect": "Allow", "NotAction": "iam:*", "Resource": "*" }),
                "s3:GetObject",
                OBJECT,
                Allowed,
            ),
            (
                json!({ "Effect": "Allow", "NotAction": ["iam:*", "s3:Get*"], "Resource": "*" }),
                "s3:GetObject",
                OBJECT,
                ImplicitDeny,
            ),
            (
                json!({ "Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::secret/*" }),
                "s3:GetObject",
                OBJECT,
                Allowed,
            ),
            (
                json!([everything, { "Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::tweets/2026/*" }]),
                "s3:GetObject",
                OBJECT,
                ExplicitDeny,
            ),
            (
                json!([{ "Effect": "Deny", "NotAction": "s3:*", "Resource": "*" }, everything]),
                "s3:GetObject",
                OBJECT,
                Allowed,
            ),
            (
                json!([{ "Effect": "Deny", "Action": "*", "Resource": "*" }]),
                "s3:GetObject",
                OBJECT,
                ExplicitDeny,
            ),
            (
                json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*",
                        "Condition": { "StringEquals": { "aws:RequestedRegion": "us-east-1" } } }),
                "s3:GetObject",
                OBJECT,
                Allowed,
            ),
            (
                json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*",
                        "Condition": { "StringEquals": { "aws:ResourceTag/team": "x" } } }),
                "s3:GetObject",
                OBJECT,
                ImplicitDeny,
            ),
            (
                json!([everything, { "Effect": "Deny", "Action": "s3:*", "Resource": "*",
                        "Condition": { "ArnNotLike": { "aws:PrincipalArn": "arn:aws:iam::*:role/host" } } }]),
                "s3:GetObject",
                OBJECT,
                Allowed,
            ),
        ];
        for (statements, action, resource, expected) in cases {
            assert_eq!(
                decided(&statements, action, resource),
                expected,
                "{action} on {resource}: {statements}"
            );
        }
    }

    #[test]
    fn a_boundary_only_takes_away() {
        use Decision::{Allowed, ExplicitDeny, ImplicitDeny};
        for (own, boundary, expected) in [
            (Allowed, None, Allowed),
            (Allowed, Some(Allowed), Allowed),
            (Allowed, Some(ImplicitDeny), ImplicitDeny),
            (Allowed, Some(ExplicitDeny), ExplicitDeny),
            (ImplicitDeny, Some(Allowed), ImplicitDeny),
            (ExplicitDeny, Some(ImplicitDeny), ExplicitDeny),
        ] {
            assert_eq!(own.within(boundary), expected);
        }
    }
}
