"""IAM: what a role would be allowed."""

from conformance.checks import DIFFERS, check
from conformance.given import account, allow, deny, document, managed_policy, role

SIMULATE = "IAM API Reference, SimulatePrincipalPolicy"
ONE, TWO = "arn:aws:s3:::one/key", "arn:aws:s3:::two/key"


def decisions(c, made, actions, resources=("*",), **more):
    found = []
    for resource in resources:
        found += c.iam.simulate_principal_policy(
            PolicySourceArn=made["Arn"], ActionNames=list(actions), ResourceArns=[resource], **more
        )["EvaluationResults"]
    return {(one["EvalActionName"], one["EvalResourceName"]): one["EvalDecision"] for one in found}


@check(
    "iam",
    "a simulation says what is allowed and what is not",
    moto=DIFFERS,
    aws=f"{SIMULATE}: EvalDecision allowed or implicitDeny, for every action and resource",
)
def _(c):
    made = role(c, policy=document(allow("s3:GetObject", "arn:aws:s3:::one/*")))
    c.same(
        decisions(c, made, ["s3:GetObject", "s3:PutObject"], [ONE, TWO]),
        {
            ("s3:GetObject", ONE): "allowed",
            ("s3:GetObject", TWO): "implicitDeny",
            ("s3:PutObject", ONE): "implicitDeny",
            ("s3:PutObject", TWO): "implicitDeny",
        },
    )


@check(
    "iam",
    "a simulation says what is denied",
    moto=DIFFERS,
    aws=f"{SIMULATE}: explicitDeny if a statement denies, whatever allows it (Policy evaluation logic)",
)
def _(c):
    made = role(c, policy=document(allow("s3:*"), deny("s3:GetObject", TWO)))
    c.same(
        decisions(c, made, ["s3:GetObject"], [ONE, TWO]),
        {("s3:GetObject", ONE): "allowed", ("s3:GetObject", TWO): "explicitDeny"},
    )


@check(
    "iam",
    "a simulation counts attached policies",
    moto=DIFFERS,
    aws=f"{SIMULATE}: evaluates all policies that are attached to the principal",
)
def _(c):
    made = role(c)
    arn = managed_policy(c, document(allow("logs:Put*")))["Arn"]
    c.iam.attach_role_policy(RoleName=made["RoleName"], PolicyArn=arn)
    c.same(
        decisions(c, made, ["logs:PutLogEvents", "logs:GetLogEvents"]),
        {("logs:PutLogEvents", "*"): "allowed", ("logs:GetLogEvents", "*"): "implicitDeny"},
    )


@check(
    "iam",
    "a simulation takes actions without regard to case",
    moto=DIFFERS,
    aws="IAM JSON policy elements, Action: the prefix and the action name are not case-sensitive",
)
def _(c):
    made = role(c, policy=document(allow("S3:getobject")))
    c.same(list(decisions(c, made, ["s3:GetObject"]).values()), ["allowed"])


@check(
    "iam",
    "a simulation takes the context that it is given",
    moto=DIFFERS,
    aws=f"{SIMULATE}: ContextEntries are the values of the condition keys",
)
def _(c):
    made = role(c, policy=document(allow("s3:GetObject", Condition={"StringEquals": {"aws:username": "me"}})))

    def entry(value):
        return [{"ContextKeyName": "aws:username", "ContextKeyValues": [value], "ContextKeyType": "string"}]

    c.same(list(decisions(c, made, ["s3:GetObject"], ContextEntries=entry("me")).values()), ["allowed"])
    c.same(list(decisions(c, made, ["s3:GetObject"], ContextEntries=entry("you")).values()), ["implicitDeny"])


@check(
    "iam",
    "a simulation says which statements decided",
    moto=DIFFERS,
    aws=f"{SIMULATE}: MatchedStatements are the statements that determine the result",
)
def _(c):
    made = role(c, policy=document(allow("s3:GetObject")))
    [found] = c.iam.simulate_principal_policy(PolicySourceArn=made["Arn"], ActionNames=["s3:GetObject"])[
        "EvaluationResults"
    ]
    c.same(len(found["MatchedStatements"]), 1, "the number of statements")


@check("iam", "a simulation of nobody is NoSuchEntity", moto=DIFFERS, aws=f"{SIMULATE}: NoSuchEntity (404)")
def _(c):
    c.refused(
        "NoSuchEntity",
        c.iam.simulate_principal_policy,
        status=404,
        ActionNames=["s3:GetObject"],
        PolicySourceArn=f"arn:aws:iam::{account(c)}:role/{c.name('none')}",
    )
