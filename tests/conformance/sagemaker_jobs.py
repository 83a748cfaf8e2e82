"""SageMaker: processing jobs."""

from conformance.checks import DIFFERS, check
from conformance.given import account, notebook_role

CREATE = "SageMaker API Reference, CreateProcessingJob"
DESCRIBE = "SageMaker API Reference, DescribeProcessingJob"
ENDED = ("Completed", "Failed", "Stopped")


def asked(role_arn, name, **more):
    return {
        "ProcessingJobName": name,
        "RoleArn": role_arn,
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
        },
        "AppSpecification": {
            "ImageUri": "173754725891.dkr.ecr.us-east-1.amazonaws.com/sagemaker-spark-processing:3.5-cpu-py312-v1.0",
            "ContainerEntrypoint": ["smspark-submit", "job.py"],
            "ContainerArguments": ["--days", "7"],
        },
        **more,
    }


def job(c, **more):
    """The name of a job that has been asked for. Jobs cannot be deleted: it is stopped afterwards."""
    name, role_arn = c.name("job"), notebook_role(c)
    c.while_refused("ValidationException", c.sagemaker.create_processing_job, **asked(role_arn, name, **more))
    c.later(stop, c=c, name=name)
    return name


def stop(c, name):
    if describe(c, name)["ProcessingJobStatus"] not in ENDED:
        c.sagemaker.stop_processing_job(ProcessingJobName=name)


def describe(c, name):
    return c.sagemaker.describe_processing_job(ProcessingJobName=name)


@check(
    "sagemaker",
    "a new job is InProgress",
    moto=DIFFERS,
    aws=f"{DESCRIBE}: ProcessingJobStatus InProgress, Completed, Failed, Stopping or Stopped",
)
def _(c):
    c.same(describe(c, job(c))["ProcessingJobStatus"], "InProgress")


@check(
    "sagemaker",
    "a job is described as it was made",
    moto=DIFFERS,
    aws=f"{DESCRIBE}: ProcessingJobArn, AppSpecification, ProcessingResources, RoleArn, Environment, CreationTime",
)
def _(c):
    name = job(c, Environment={"A": "1"}, StoppingCondition={"MaxRuntimeInSeconds": 3600})
    found = describe(c, name)
    c.same(found["ProcessingJobArn"], f"arn:aws:sagemaker:us-east-1:{account(c)}:processing-job/{name}")
    wanted = asked(found["RoleArn"], name)
    c.same(
        (found["AppSpecification"], found["ProcessingResources"]),
        (wanted["AppSpecification"], wanted["ProcessingResources"]),
    )
    c.same((found["Environment"], found["StoppingCondition"]), ({"A": "1"}, {"MaxRuntimeInSeconds": 3600}))
    c.holds(found["CreationTime"], "no CreationTime")


@check(
    "sagemaker",
    "a job's name is its own",
    moto=DIFFERS,
    aws=f"{CREATE}: ResourceInUse (400), the resource being accessed is in use; names are unique",
)
def _(c):
    name = job(c)
    role_arn = describe(c, name)["RoleArn"]
    c.refused("ResourceInUse", c.sagemaker.create_processing_job, status=400, **asked(role_arn, name))


@check(
    "sagemaker",
    "a stopped job is Stopping, then Stopped",
    aws="SageMaker API Reference, StopProcessingJob; ProcessingJobStatus Stopping, then Stopped",
)
def _(c):
    name = job(c)
    c.sagemaker.stop_processing_job(ProcessingJobName=name)
    c.holds(describe(c, name)["ProcessingJobStatus"] in ("Stopping", "Stopped"), "it goes on")
    c.until(lambda: describe(c, name)["ProcessingJobStatus"] == "Stopped", 60, "the status Stopped")


@check(
    "sagemaker",
    "a missing job is refused",
    aws=f"{DESCRIBE}: ResourceNotFound, or ValidationException for a name that is not there (400)",
)
def _(c):
    for call in (c.sagemaker.describe_processing_job, c.sagemaker.stop_processing_job):
        c.refused(("ResourceNotFound", "ValidationException"), call, status=400, ProcessingJobName=c.name("none"))


@check(
    "sagemaker",
    "a job's name has only certain characters",
    moto=DIFFERS,
    aws=f"{CREATE}: ProcessingJobName matches [a-zA-Z0-9](-*[a-zA-Z0-9])*; ValidationException (400)",
)
def _(c):
    c.refused(
        "ValidationException", c.sagemaker.create_processing_job, status=400, **asked(notebook_role(c), "a_job")
    )


@check(
    "sagemaker",
    "jobs are listed by a part of their name",
    aws="SageMaker API Reference, ListProcessingJobs: NameContains; ProcessingJobSummaries with name, ARN, times and status",
)
def _(c):
    name = job(c)
    found = c.sagemaker.list_processing_jobs(NameContains=name)["ProcessingJobSummaries"]
    c.same([one["ProcessingJobName"] for one in found], [name])
    c.holds(
        found[0]["ProcessingJobArn"] and found[0]["CreationTime"] and found[0]["ProcessingJobStatus"],
        "something is missing",
    )
