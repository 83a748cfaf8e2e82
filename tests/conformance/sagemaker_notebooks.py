"""SageMaker: notebook instances and their lifecycle configurations."""

import base64

from conformance.checks import DIFFERS, check
from conformance.given import (
    account,
    describe_notebook,
    notebook,
    notebook_role,
    remove_notebook,
    unfinished_notebook,
    until_notebook,
)

CREATE = "SageMaker API Reference, CreateNotebookInstance"
DESCRIBE = "SageMaker API Reference, DescribeNotebookInstance"
DELETE = "SageMaker API Reference, DeleteNotebookInstance"
UPDATE = "SageMaker API Reference, UpdateNotebookInstance"
CONFIG = "SageMaker API Reference, CreateNotebookInstanceLifecycleConfig"
URL = "SageMaker API Reference, CreatePresignedNotebookInstanceUrl"


def script(text="#!/bin/sh\ntrue\n"):
    return [{"Content": base64.b64encode(text.encode()).decode()}]


def config(c, **more):
    name = c.name("config")
    arn = c.sagemaker.create_notebook_instance_lifecycle_config(
        NotebookInstanceLifecycleConfigName=name, **{"OnStart": script(), **more}
    )["NotebookInstanceLifecycleConfigArn"]
    c.later(c.sagemaker.delete_notebook_instance_lifecycle_config, NotebookInstanceLifecycleConfigName=name)
    return name, arn


def status(c, name):
    return describe_notebook(c, name)["NotebookInstanceStatus"]


def gone(c, name):
    error = c.until_refused(
        "ValidationException", c.sagemaker.describe_notebook_instance, 60, NotebookInstanceName=name
    )
    c.holds("RecordNotFound" in error["Error"]["Message"], f"it says {error['Error']['Message']}")


@check(
    "sagemaker",
    "a new notebook is Pending, then InService",
    moto=DIFFERS,
    aws=f"{CREATE}: Pending while it is made, then InService",
)
def _(c):
    name = unfinished_notebook(c)
    c.same(status(c, name), "Pending")
    until_notebook(c, name, "InService")


@check(
    "sagemaker",
    "a notebook is described as it was made",
    moto=DIFFERS,
    aws=f"{DESCRIBE}: NotebookInstanceArn, InstanceType, RoleArn, Url, VolumeSizeInGB, DirectInternetAccess, RootAccess",
)
def _(c):
    role_arn = notebook_role(c)
    name = notebook(c, role_arn=role_arn, VolumeSizeInGB=12)
    found = describe_notebook(c, name)
    c.same(found["NotebookInstanceArn"], f"arn:aws:sagemaker:us-east-1:{account(c)}:notebook-instance/{name}")
    c.same((found["InstanceType"], found["RoleArn"], found["VolumeSizeInGB"]), ("ml.t3.medium", role_arn, 12))
    c.same((found["DirectInternetAccess"], found["RootAccess"]), ("Enabled", "Enabled"), "the usual values")
    c.holds(found["CreationTime"] <= found["LastModifiedTime"], "it was changed before it was made")


@check(
    "sagemaker",
    "a notebook's address is of its region",
    sandbox=DIFFERS,
    aws=f"{DESCRIBE}: Url is the URL that you use to connect to the Jupyter notebook",
)
def _(c):
    # The sandbox gives out no address but the loopback's, so that nothing connects off the machine.
    name = unfinished_notebook(c)
    url = describe_notebook(c, name)["Url"]
    c.holds(f"{name}.notebook.us-east-1.sagemaker.aws" in url, f"the Url is {url}")


@check("sagemaker", "a notebook has 5 GB unless it is said", aws=f"{CREATE}: VolumeSizeInGB is 5 by default")
def _(c):
    c.same(describe_notebook(c, unfinished_notebook(c))["VolumeSizeInGB"], 5)


@check(
    "sagemaker",
    "a notebook's name is its own",
    aws=f"{CREATE}: names are unique in an account and Region; ValidationException (400)",
)
def _(c):
    role_arn = notebook_role(c)
    name = unfinished_notebook(c, role_arn=role_arn)
    c.refused(
        ("ValidationException", "ResourceInUse"),
        c.sagemaker.create_notebook_instance,
        status=400,
        NotebookInstanceName=name,
        InstanceType="ml.t3.medium",
        RoleArn=role_arn,
    )


def refused(title, rule, *, moto=None, **wrong):
    @check(
        "sagemaker",
        f"a notebook {title} is refused",
        moto=moto,
        aws=f"{CREATE}: {rule}; ValidationException (400)",
    )
    def _(c):
        arguments = {
            "NotebookInstanceName": c.name("notebook"),
            "InstanceType": "ml.t3.medium",
            "RoleArn": notebook_role(c),
            **wrong,
        }

        def create(**given):
            answer = c.unchecked("sagemaker").create_notebook_instance(**given)
            c.later(remove_notebook, c=c, name=given["NotebookInstanceName"])
            return answer

        c.refused("ValidationException", create, status=400, **arguments)


refused(
    "whose name has an underscore",
    "NotebookInstanceName matches [a-zA-Z0-9](-*[a-zA-Z0-9])*",
    NotebookInstanceName="a_b",
    moto=DIFFERS,
)
refused(
    "whose name has 64 characters",
    "NotebookInstanceName has at most 63 characters",
    NotebookInstanceName="n" * 64,
    moto=DIFFERS,
)
refused("of a type that is none", "InstanceType is one of those listed", InstanceType="ml.t3.gigantic")
refused("with a volume of 4 GB", "VolumeSizeInGB is from 5 to 16,384", VolumeSizeInGB=4)
refused("with a volume of 16,385 GB", "VolumeSizeInGB is from 5 to 16,384", VolumeSizeInGB=16_385, moto=DIFFERS)
refused(
    "with a lifecycle configuration that is not there",
    "LifecycleConfigName names one of the account's",
    LifecycleConfigName="none-such",
    moto=DIFFERS,
)


@check(
    "sagemaker",
    "a missing notebook is RecordNotFound",
    moto=DIFFERS,
    aws="SageMaker API Reference, notebook instances: ValidationException (400) with RecordNotFound",
)
def _(c):
    name = c.name("none")
    for call in (
        c.sagemaker.describe_notebook_instance,
        c.sagemaker.stop_notebook_instance,
        c.sagemaker.start_notebook_instance,
        c.sagemaker.delete_notebook_instance,
        c.sagemaker.create_presigned_notebook_instance_url,
    ):
        c.refused("ValidationException", call, status=400, NotebookInstanceName=name, message="RecordNotFound")


@check(
    "sagemaker",
    "a notebook stops and starts",
    moto=DIFFERS,
    aws="SageMaker API Reference, StopNotebookInstance and StartNotebookInstance: Stopping, Stopped, Pending, InService",
)
def _(c):
    name = notebook(c)
    c.sagemaker.stop_notebook_instance(NotebookInstanceName=name)
    c.same(status(c, name), "Stopping")
    until_notebook(c, name, "Stopped")
    c.sagemaker.start_notebook_instance(NotebookInstanceName=name)
    c.same(status(c, name), "Pending")
    until_notebook(c, name, "InService")


@check(
    "sagemaker",
    "a notebook that is being made is not deleted",
    aws=f"{DELETE}: it must be stopped before; ValidationException (400), the status must be one of Stopped, Failed",
)
def _(c):
    name = unfinished_notebook(c)
    c.refused("ValidationException", c.sagemaker.delete_notebook_instance, status=400, NotebookInstanceName=name)


@check(
    "sagemaker",
    "a notebook in service is not deleted",
    aws=f"{DELETE}: StopNotebookInstance must be called before; ValidationException (400)",
)
def _(c):
    c.refused(
        "ValidationException", c.sagemaker.delete_notebook_instance, status=400, NotebookInstanceName=notebook(c)
    )


@check(
    "sagemaker",
    "a notebook in service is not started again",
    moto=DIFFERS,
    aws="SageMaker API Reference, StartNotebookInstance: ValidationException (400) unless it is stopped or failed",
)
def _(c):
    c.refused(
        "ValidationException", c.sagemaker.start_notebook_instance, status=400, NotebookInstanceName=notebook(c)
    )


@check(
    "sagemaker",
    "a stopped notebook is Deleting, then gone",
    moto=DIFFERS,
    aws=f"{DELETE}: Deleting; then DescribeNotebookInstance gives RecordNotFound",
)
def _(c):
    name = notebook(c)
    c.sagemaker.stop_notebook_instance(NotebookInstanceName=name)
    until_notebook(c, name, "Stopped")
    c.sagemaker.delete_notebook_instance(NotebookInstanceName=name)
    c.same(status(c, name), "Deleting")
    gone(c, name)


@check(
    "sagemaker",
    "a notebook in service is not updated",
    moto=DIFFERS,
    aws=f"{UPDATE}: the instance must be stopped; ValidationException (400)",
)
def _(c):
    c.refused(
        "ValidationException",
        c.sagemaker.update_notebook_instance,
        status=400,
        NotebookInstanceName=notebook(c),
        InstanceType="ml.t3.large",
    )


@check(
    "sagemaker",
    "a stopped notebook is updated",
    moto=DIFFERS,
    aws=f"{UPDATE}: Updating, then Stopped again, with the new values",
)
def _(c):
    name = notebook(c)
    c.sagemaker.stop_notebook_instance(NotebookInstanceName=name)
    until_notebook(c, name, "Stopped")
    c.sagemaker.update_notebook_instance(NotebookInstanceName=name, InstanceType="ml.t3.large", VolumeSizeInGB=9)

    def updated():
        found = describe_notebook(c, name)
        return (
            found
            if (found["NotebookInstanceStatus"], found["InstanceType"]) == ("Stopped", "ml.t3.large")
            else None
        )

    c.same(c.until(updated, 60, "the new type")["VolumeSizeInGB"], 9)


@check(
    "sagemaker",
    "notebooks are listed by a part of their name and by status",
    aws="SageMaker API Reference, ListNotebookInstances: NameContains, StatusEquals, SortBy, SortOrder",
)
def _(c):
    name = notebook(c)

    def listed(**more):
        found = c.sagemaker.list_notebook_instances(NameContains=name, **more)["NotebookInstances"]
        return [one["NotebookInstanceName"] for one in found]

    c.same(listed(), [name], "by name")
    c.same(listed(StatusEquals="InService"), [name], "by status")
    c.same(listed(StatusEquals="Failed"), [], "by another status")


@check(
    "sagemaker",
    "notebooks are listed in pages",
    aws="SageMaker API Reference, ListNotebookInstances: MaxResults and NextToken",
)
def _(c):
    role_arn = notebook_role(c)
    made = {unfinished_notebook(c, role_arn=role_arn) for _ in range(3)}
    seen, token = [], {}
    while True:
        page = c.sagemaker.list_notebook_instances(NameContains="notebook", MaxResults=2, **token)
        c.holds(len(page["NotebookInstances"]) <= 2, "a page has more than MaxResults")
        seen += [one["NotebookInstanceName"] for one in page["NotebookInstances"]]
        if not page.get("NextToken"):
            break
        token = {"NextToken": page["NextToken"]}
    c.holds(made <= set(seen), "one is missing")


@check(
    "sagemaker",
    "a notebook's tags are made with it, added and removed",
    aws="SageMaker API Reference, AddTags, ListTags and DeleteTags on a notebook instance's ARN",
)
def _(c):
    name = unfinished_notebook(c, Tags=[{"Key": "a", "Value": "1"}])
    arn = describe_notebook(c, name)["NotebookInstanceArn"]
    c.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "ü"}])
    found = {tag["Key"]: tag["Value"] for tag in c.sagemaker.list_tags(ResourceArn=arn)["Tags"]}
    c.same(found, {"a": "2", "b": "ü"}, "the tags")
    c.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a"])
    c.same(c.sagemaker.list_tags(ResourceArn=arn)["Tags"], [{"Key": "b", "Value": "ü"}], "the tags left")


@check("sagemaker", "a notebook in service has a URL to open it", moto=DIFFERS, aws=f"{URL}: AuthorizedUrl")
def _(c):
    url = c.sagemaker.create_presigned_notebook_instance_url(NotebookInstanceName=notebook(c))["AuthorizedUrl"]
    c.holds(url.startswith(("https://", "http://")), f"the URL is {url}")


@check(
    "sagemaker",
    "a stopped notebook has no URL",
    moto=DIFFERS,
    aws=f"{URL}: the instance must be InService; ValidationException (400)",
)
def _(c):
    name = notebook(c)
    c.sagemaker.stop_notebook_instance(NotebookInstanceName=name)
    until_notebook(c, name, "Stopped")
    c.refused(
        "ValidationException",
        c.sagemaker.create_presigned_notebook_instance_url,
        status=400,
        NotebookInstanceName=name,
    )


@check(
    "sagemaker",
    "a URL's session lasts from half an hour to twelve hours",
    moto=DIFFERS,
    aws=f"{URL}: SessionExpirationDurationInSeconds is from 1,800 to 43,200; ValidationException (400)",
)
def _(c):
    name = notebook(c)
    for seconds in (1799, 43_201):
        c.refused(
            "ValidationException",
            c.unchecked("sagemaker").create_presigned_notebook_instance_url,
            status=400,
            NotebookInstanceName=name,
            SessionExpirationDurationInSeconds=seconds,
        )


@check(
    "sagemaker",
    "a lifecycle configuration is described as it was made",
    aws="SageMaker API Reference, DescribeNotebookInstanceLifecycleConfig: OnCreate and OnStart, each with at most one script",
)
def _(c):
    create, start = script("#!/bin/sh\necho create\n"), script("#!/bin/sh\necho start\n")
    name, arn = config(c, OnCreate=create, OnStart=start)
    found = c.sagemaker.describe_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName=name)
    c.same(
        (found["NotebookInstanceLifecycleConfigArn"], found["OnCreate"], found["OnStart"]), (arn, create, start)
    )
    c.same(arn, f"arn:aws:sagemaker:us-east-1:{account(c)}:notebook-instance-lifecycle-config/{name}")


@check(
    "sagemaker",
    "a lifecycle configuration's name is its own",
    aws=f"{CONFIG}: ValidationException (400) if it exists",
)
def _(c):
    name, _ = config(c)
    c.refused(
        "ValidationException",
        c.sagemaker.create_notebook_instance_lifecycle_config,
        status=400,
        NotebookInstanceLifecycleConfigName=name,
    )


@check(
    "sagemaker",
    "a script has at most 16,384 characters",
    moto=DIFFERS,
    aws=f"{CONFIG}: each script has a limit of 16,384 characters of base64",
)
def _(c):
    name, _ = config(c, OnStart=[{"Content": base64.b64encode(b"x" * 12_288).decode()}])
    c.holds(name, "none was made")
    c.refused(
        "ValidationException",
        c.sagemaker.create_notebook_instance_lifecycle_config,
        status=400,
        NotebookInstanceLifecycleConfigName=c.name("config"),
        OnStart=[{"Content": base64.b64encode(b"x" * 12_291).decode()}],
    )


@check(
    "sagemaker",
    "a lifecycle configuration has one script for each time",
    moto=DIFFERS,
    aws=f"{CONFIG}: OnCreate and OnStart have at most 1 item",
)
def _(c):
    c.refused(
        "ValidationException",
        c.sagemaker.create_notebook_instance_lifecycle_config,
        status=400,
        NotebookInstanceLifecycleConfigName=c.name("config"),
        OnStart=script() * 2,
    )


@check(
    "sagemaker",
    "a lifecycle configuration can be updated",
    moto=DIFFERS,
    aws="SageMaker API Reference, UpdateNotebookInstanceLifecycleConfig",
)
def _(c):
    name, _ = config(c)
    new = script("#!/bin/sh\necho new\n")
    c.sagemaker.update_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName=name, OnStart=new)
    found = c.sagemaker.describe_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName=name)
    c.same(found["OnStart"], new)


@check(
    "sagemaker",
    "a missing lifecycle configuration is refused",
    aws="SageMaker API Reference, DescribeNotebookInstanceLifecycleConfig: ValidationException (400)",
)
def _(c):
    c.refused(
        "ValidationException",
        c.sagemaker.describe_notebook_instance_lifecycle_config,
        status=400,
        NotebookInstanceLifecycleConfigName=c.name("none"),
    )


@check(
    "sagemaker",
    "a deleted lifecycle configuration is gone",
    aws="SageMaker API Reference, DeleteNotebookInstanceLifecycleConfig",
)
def _(c):
    name, _ = config(c)
    c.sagemaker.delete_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName=name)
    c.refused(
        "ValidationException",
        c.sagemaker.describe_notebook_instance_lifecycle_config,
        NotebookInstanceLifecycleConfigName=name,
    )


@check(
    "sagemaker",
    "a notebook names its lifecycle configuration",
    aws=f"{DESCRIBE}: NotebookInstanceLifecycleConfigName",
)
def _(c):
    name, _ = config(c)
    made = unfinished_notebook(c, LifecycleConfigName=name)
    c.same(describe_notebook(c, made)["NotebookInstanceLifecycleConfigName"], name)
