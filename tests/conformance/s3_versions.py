"""S3: versions and delete markers."""

from conformance.checks import DIFFERS, check
from conformance.given import body_of, bucket, put, versioned_bucket

VERSIONING = "S3 User Guide, Using versioning"
LIST = "S3 API Reference, ListObjectVersions"


def write(c, name, key, *bodies):
    """Writes one version after the other; gives their ids."""
    return [c.s3.put_object(Bucket=name, Key=key, Body=body)["VersionId"] for body in bodies]


def pages(c, name, **arguments):
    """Every (key, version id) of a listing, page by page."""
    found, markers = [], {}
    while True:
        page = c.s3.list_object_versions(Bucket=name, **arguments, **markers)
        entries = [
            (one["Key"], one["VersionId"]) for one in page.get("Versions", []) + page.get("DeleteMarkers", [])
        ]
        found.append(entries)
        if not page["IsTruncated"]:
            return found
        markers = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}


@check(
    "s3",
    "each version can be read",
    aws=f"{VERSIONING}: every PUT adds a version with an id of its own; GET takes versionId",
)
def _(c):
    name = versioned_bucket(c)
    one, two = write(c, name, "key", b"one", b"two")
    c.holds(one != two, "both versions have one id")
    c.same(body_of(c, name, "key"), b"two", "the current version")
    c.same(body_of(c, name, "key", VersionId=one), b"one", "the first version")
    c.same(c.s3.head_object(Bucket=name, Key="key")["VersionId"], two, "HeadObject's version")


@check(
    "s3",
    "a bucket that was never versioned gives no version ids",
    aws=f"{VERSIONING}: objects of an unversioned bucket have the version id null, and PutObject names none",
)
def _(c):
    name = bucket(c)
    c.holds("VersionId" not in c.s3.put_object(Bucket=name, Key="key", Body=b"x"), "PutObject gave a VersionId")
    c.same([one["VersionId"] for one in c.s3.list_object_versions(Bucket=name)["Versions"]], ["null"])


@check(
    "s3",
    "what was there before versioning keeps the id null",
    aws="S3 User Guide, Adding objects to versioning-enabled buckets: existing objects keep the version id null",
)
def _(c):
    name = bucket(c)
    put(c, name, "key", body=b"old")
    c.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    put(c, name, "key", body=b"new")
    c.same(body_of(c, name, "key", VersionId="null"), b"old")


@check(
    "s3",
    "deleting leaves a delete marker",
    moto=DIFFERS,
    aws="S3 User Guide, Working with delete markers: a simple DELETE inserts a delete marker, which becomes current",
)
def _(c):
    name = versioned_bucket(c)
    write(c, name, "key", b"one")
    answer = c.s3.delete_object(Bucket=name, Key="key")
    c.same(answer["DeleteMarker"], True, "DeleteMarker")
    error = c.refused("NoSuchKey", c.s3.get_object, status=404, Bucket=name, Key="key")
    headers = error["ResponseMetadata"]["HTTPHeaders"]
    c.same(headers.get("x-amz-delete-marker"), "true", "x-amz-delete-marker")
    c.holds("Contents" not in c.s3.list_objects_v2(Bucket=name), "ListObjectsV2 still has it")


@check(
    "s3",
    "a delete marker cannot be read",
    moto=DIFFERS,
    aws="S3 User Guide, Working with delete markers: GET with the marker's version id gives 405 MethodNotAllowed",
)
def _(c):
    name = versioned_bucket(c)
    write(c, name, "key", b"one")
    marker = c.s3.delete_object(Bucket=name, Key="key")["VersionId"]
    c.refused("MethodNotAllowed", c.s3.get_object, status=405, Bucket=name, Key="key", VersionId=marker)


@check(
    "s3",
    "deleting the delete marker brings the object back",
    moto=DIFFERS,
    aws="S3 User Guide, Managing delete markers: removing the marker makes the version before it current again",
)
def _(c):
    name = versioned_bucket(c)
    write(c, name, "key", b"one")
    marker = c.s3.delete_object(Bucket=name, Key="key")["VersionId"]
    answer = c.s3.delete_object(Bucket=name, Key="key", VersionId=marker)
    c.same((answer.get("DeleteMarker"), answer["VersionId"]), (True, marker), "what was deleted")
    c.same(body_of(c, name, "key"), b"one")


@check(
    "s3",
    "deleting in a versioned bucket what is not there makes a marker",
    moto=DIFFERS,
    aws="S3 User Guide, Working with delete markers: a delete marker is made even if the object does not exist",
)
def _(c):
    name = versioned_bucket(c)
    c.same(c.s3.delete_object(Bucket=name, Key="none")["DeleteMarker"], True, "DeleteMarker")
    c.same(len(c.s3.list_object_versions(Bucket=name).get("DeleteMarkers", [])), 1, "the number of markers")


@check(
    "s3",
    "deleting a version is for good",
    aws="S3 User Guide, Deleting object versions: DELETE with a versionId removes that version and inserts no marker",
)
def _(c):
    name = versioned_bucket(c)
    one, two = write(c, name, "key", b"one", b"two")
    c.s3.delete_object(Bucket=name, Key="key", VersionId=two)
    c.same(body_of(c, name, "key"), b"one", "the current version")
    c.refused("NoSuchVersion", c.s3.get_object, status=404, Bucket=name, Key="key", VersionId=two)
    c.same([entry["VersionId"] for entry in c.s3.list_object_versions(Bucket=name)["Versions"]], [one])


@check(
    "s3",
    "versions are listed newest first, keys in order",
    aws=f"{LIST}: by key, and the versions of a key from the newest to the oldest; IsLatest marks the current",
)
def _(c):
    name = versioned_bucket(c)
    b = write(c, name, "b", b"1", b"2")
    a = write(c, name, "a", b"1", b"2", b"3")
    found = c.s3.list_object_versions(Bucket=name)["Versions"]
    c.same(
        [(one["Key"], one["VersionId"]) for one in found],
        [("a", version) for version in reversed(a)] + [("b", version) for version in reversed(b)],
    )
    c.same([one["IsLatest"] for one in found], [True, False, False, True, False], "IsLatest")


@check(
    "s3",
    "versions and markers are listed apart",
    aws=f"{LIST}: Version and DeleteMarker elements; a current marker is the latest",
)
def _(c):
    name = versioned_bucket(c)
    write(c, name, "key", b"one")
    c.s3.delete_object(Bucket=name, Key="key")
    page = c.s3.list_object_versions(Bucket=name)
    c.same([one["IsLatest"] for one in page["Versions"]], [False], "the version's IsLatest")
    c.same([one["IsLatest"] for one in page["DeleteMarkers"]], [True], "the marker's IsLatest")
    c.holds("Size" not in page["DeleteMarkers"][0], "a marker has a size")


@check(
    "s3",
    "the pages of versions neither repeat nor skip",
    aws=f"{LIST}: MaxKeys, IsTruncated, NextKeyMarker and NextVersionIdMarker",
)
def _(c):
    name = versioned_bucket(c)
    wanted = [("a", version) for version in reversed(write(c, name, "a", b"1", b"2", b"3"))]
    wanted += [("b", version) for version in reversed(write(c, name, "b", b"1", b"2"))]
    found = pages(c, name, MaxKeys=2)
    c.same([len(page) for page in found], [2, 2, 1], "the sizes of pages")
    c.same(sum(found, []), wanted, "the versions")


@check(
    "s3",
    "pages of versions count the markers",
    moto=DIFFERS,
    aws=f"{LIST}: MaxKeys counts versions and delete markers together",
)
def _(c):
    name = versioned_bucket(c)
    write(c, name, "a", b"1", b"2")
    c.s3.delete_object(Bucket=name, Key="a")
    c.s3.delete_object(Bucket=name, Key="b")
    found = pages(c, name, MaxKeys=1)
    c.same([len(page) for page in found], [1, 1, 1, 1], "the sizes of pages")
    c.same(len(set(sum(found, []))), 4, "the number of distinct entries")


@check(
    "s3",
    "versions are listed by prefix and delimiter",
    aws=f"{LIST}: Prefix limits the keys, Delimiter groups them into CommonPrefixes",
)
def _(c):
    name = versioned_bucket(c)
    put(c, name, "a/1", "a/2", "b", "c/d")
    page = c.s3.list_object_versions(Bucket=name, Delimiter="/")
    c.same([one["Key"] for one in page["Versions"]], ["b"], "the keys")
    c.same([one["Prefix"] for one in page["CommonPrefixes"]], ["a/", "c/"], "the prefixes")
    c.same([one["Key"] for one in c.s3.list_object_versions(Bucket=name, Prefix="a/")["Versions"]], ["a/1", "a/2"])


@check(
    "s3",
    "while versioning is suspended writes replace the null version",
    moto=DIFFERS,
    aws="S3 User Guide, Adding objects to versioning-suspended buckets: the version id is null and replaces a null version",
)
def _(c):
    name = versioned_bucket(c)
    [kept] = write(c, name, "key", b"kept")
    c.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
    put(c, name, "key", body=b"first")
    put(c, name, "key", body=b"second")
    found = [one["VersionId"] for one in c.s3.list_object_versions(Bucket=name)["Versions"]]
    c.same(found, ["null", kept], "the versions")
    c.same(body_of(c, name, "key"), b"second")


@check(
    "s3",
    "while versioning is suspended a delete replaces the null version",
    moto=DIFFERS,
    aws="S3 User Guide, Deleting objects from versioning-suspended buckets: removes the null version, inserts a null marker",
)
def _(c):
    name = versioned_bucket(c)
    [kept] = write(c, name, "key", b"kept")
    c.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
    put(c, name, "key", body=b"null")
    c.same(c.s3.delete_object(Bucket=name, Key="key")["VersionId"], "null", "the marker's id")
    page = c.s3.list_object_versions(Bucket=name)
    c.same([one["VersionId"] for one in page["Versions"]], [kept], "the versions")
    c.same([one["VersionId"] for one in page["DeleteMarkers"]], ["null"], "the markers")


@check(
    "s3",
    "several versions are deleted at once",
    aws="S3 API Reference, DeleteObjects: with a VersionId the version is deleted; without, a marker is made and named",
)
def _(c):
    name = versioned_bucket(c)
    one, _ = write(c, name, "a", b"1", b"2")
    write(c, name, "b", b"1")
    wanted = {"Objects": [{"Key": "a", "VersionId": one}, {"Key": "b"}]}
    found = {entry["Key"]: entry for entry in c.s3.delete_objects(Bucket=name, Delete=wanted)["Deleted"]}
    c.same(found["a"].get("VersionId"), one, "the version deleted")
    c.same(found["b"].get("DeleteMarker"), True, "DeleteMarker")
    c.holds(found["b"].get("DeleteMarkerVersionId"), "no DeleteMarkerVersionId")


@check(
    "s3",
    "an older version can be copied",
    aws="S3 API Reference, CopyObject: ?versionId= in the copy source; the answer names it as CopySourceVersionId",
)
def _(c):
    name = versioned_bucket(c)
    one, _ = write(c, name, "a", b"one", b"two")
    answer = c.s3.copy_object(Bucket=name, Key="b", CopySource={"Bucket": name, "Key": "a", "VersionId": one})
    c.same(answer["CopySourceVersionId"], one, "CopySourceVersionId")
    c.same(body_of(c, name, "b"), b"one")
