"""S3: lists of objects, and that their pages neither repeat nor skip."""

import urllib.parse
from concurrent.futures import ThreadPoolExecutor

from conformance.checks import DIFFERS, check
from conformance.given import bucket, keys_of, put

LIST = "S3 API Reference, ListObjectsV2"


def pages(c, name, **arguments):
    """Keys and common prefixes of each page."""
    found, token = [], {}
    while True:
        page = c.s3.list_objects_v2(Bucket=name, **arguments, **token)
        entries = [one["Key"] for one in page.get("Contents", [])]
        entries += [one["Prefix"] for one in page.get("CommonPrefixes", [])]
        c.same(page["KeyCount"], len(entries), "KeyCount")
        c.same("NextContinuationToken" in page, page["IsTruncated"], "whether there is a token")
        found.append(entries)
        if not page["IsTruncated"]:
            return found
        token = {"ContinuationToken": page["NextContinuationToken"]}


@check("s3", "an empty list says so", aws=f"{LIST}: KeyCount 0, IsTruncated false, no Contents")
def _(c):
    name = bucket(c)
    page = c.s3.list_objects_v2(Bucket=name)
    c.same((page["KeyCount"], page["IsTruncated"], page["Name"], page["MaxKeys"]), (0, False, name, 1000))
    c.holds("Contents" not in page, "there is a Contents")


@check(
    "s3",
    "a listed object is described",
    aws=f"{LIST}: Key, LastModified, ETag, Size and StorageClass; the Owner only with fetch-owner",
)
def _(c):
    name = bucket(c)
    put(c, name, "key", body=b"12345")
    [found] = c.s3.list_objects_v2(Bucket=name)["Contents"]
    c.same((found["Key"], found["Size"], found["StorageClass"]), ("key", 5, "STANDARD"))
    c.same(found["ETag"], c.s3.head_object(Bucket=name, Key="key")["ETag"], "ETag")
    c.holds(found["LastModified"], "no LastModified")
    c.holds("Owner" not in found, "there is an Owner")
    [found] = c.s3.list_objects_v2(Bucket=name, FetchOwner=True)["Contents"]
    c.holds(found["Owner"]["ID"], "no Owner with FetchOwner")


@check(
    "s3",
    "keys are listed in the order of their bytes",
    aws="S3 User Guide, Listing object keys: keys come in UTF-8 binary order",
)
def _(c):
    name = bucket(c)
    keys = ["b", "a", "B", "a/b", "a-b", "a.b", "é", "z", "10", "9", "日", "🌊", "～"]
    put(c, name, *keys)
    c.same(keys_of(c, name), sorted(keys, key=str.encode))


@check(
    "s3", "pages of a list neither repeat nor skip", aws=f"{LIST}: MaxKeys, IsTruncated and NextContinuationToken"
)
def _(c):
    name = bucket(c)
    put(c, name, "a", "b", "c", "d", "e")
    c.same(pages(c, name, MaxKeys=2), [["a", "b"], ["c", "d"], ["e"]])


@check(
    "s3",
    "a list that fills its page exactly is complete",
    aws=f"{LIST}: IsTruncated is false if all results were returned",
)
def _(c):
    name = bucket(c)
    put(c, name, "a", "b")
    c.same(pages(c, name, MaxKeys=2), [["a", "b"]])


@check(
    "s3",
    "a list of at most no keys is empty and complete",
    aws=f"{LIST}: MaxKeys 0 gives no keys and IsTruncated false",
)
def _(c):
    name = bucket(c)
    put(c, name, "a")
    page = c.s3.list_objects_v2(Bucket=name, MaxKeys=0)
    c.same((page["KeyCount"], page["IsTruncated"]), (0, False))


@check(
    "s3",
    "a negative number of keys is refused",
    moto=DIFFERS,
    aws="S3 error codes: InvalidArgument (400) for a max-keys below 0",
)
def _(c):
    c.refused("InvalidArgument", c.s3.list_objects_v2, status=400, Bucket=bucket(c), MaxKeys=-1)


@check(
    "s3",
    "a page has 1,000 keys and the next goes on",
    moto=DIFFERS,
    aws=f"{LIST}: returns up to 1,000 objects; with a larger MaxKeys too",
)
def _(c):
    name = bucket(c)
    keys = [f"key-{number:04}" for number in range(1001)]
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(lambda key: put(c, name, key), keys))
    first = c.s3.list_objects_v2(Bucket=name, MaxKeys=5000)
    c.same((len(first["Contents"]), first["IsTruncated"]), (1000, True), "the first page")
    c.same(sum(pages(c, name), []), keys, "the keys")


@check("s3", "a prefix limits a list", aws=f"{LIST}: Prefix limits the response to keys that begin with it")
def _(c):
    name = bucket(c)
    put(c, name, "raw/1", "raw/2", "rawer", "other")
    c.same(keys_of(c, name, Prefix="raw/"), ["raw/1", "raw/2"])
    c.same(keys_of(c, name, Prefix="raw"), ["raw/1", "raw/2", "rawer"])
    c.same(keys_of(c, name, Prefix="none"), [])


@check(
    "s3",
    "a delimiter groups keys",
    aws=f"{LIST}: keys with the same string from the prefix to the first delimiter become one CommonPrefix",
)
def _(c):
    name = bucket(c)
    put(c, name, "a/1", "a/2", "b", "c/d/e")
    page = c.s3.list_objects_v2(Bucket=name, Delimiter="/")
    c.same([one["Key"] for one in page["Contents"]], ["b"], "the keys")
    c.same([one["Prefix"] for one in page["CommonPrefixes"]], ["a/", "c/"], "the prefixes")
    c.same((page["KeyCount"], page["Delimiter"]), (3, "/"), "KeyCount and Delimiter")


@check(
    "s3",
    "a delimiter counts from the prefix on",
    aws=f"{LIST}: grouping begins after the prefix; a prefix need not end with the delimiter",
)
def _(c):
    name = bucket(c)
    put(c, name, "a/b/1", "a/b/2", "a/bc/3", "a/d")
    page = c.s3.list_objects_v2(Bucket=name, Prefix="a/", Delimiter="/")
    c.same([one["Key"] for one in page["Contents"]], ["a/d"], "the keys")
    c.same([one["Prefix"] for one in page["CommonPrefixes"]], ["a/b/", "a/bc/"], "the prefixes")
    page = c.s3.list_objects_v2(Bucket=name, Prefix="a/b", Delimiter="/")
    c.same([one["Prefix"] for one in page["CommonPrefixes"]], ["a/b/", "a/bc/"], "the prefixes of half a name")


@check(
    "s3",
    "a delimiter may be several characters",
    aws=f"{LIST}: a delimiter is a character or a string to group keys by",
)
def _(c):
    name = bucket(c)
    put(c, name, "a--1", "a--2", "b-3")
    page = c.s3.list_objects_v2(Bucket=name, Delimiter="--")
    c.same([one["Key"] for one in page["Contents"]], ["b-3"], "the keys")
    c.same([one["Prefix"] for one in page["CommonPrefixes"]], ["a--"], "the prefixes")


@check(
    "s3",
    "a key that is its prefix is listed itself",
    aws=f"{LIST}: only what follows the prefix is grouped, so the folder's own object is among the keys",
)
def _(c):
    name = bucket(c)
    put(c, name, "a/", "a/1", "a/b/2")
    page = c.s3.list_objects_v2(Bucket=name, Prefix="a/", Delimiter="/")
    c.same([one["Key"] for one in page["Contents"]], ["a/", "a/1"], "the keys")
    c.same([one["Prefix"] for one in page["CommonPrefixes"]], ["a/b/"], "the prefixes")


@check(
    "s3",
    "pages of groups neither repeat nor skip",
    aws=f"{LIST}: all keys of one CommonPrefix count as a single return in MaxKeys",
)
def _(c):
    name = bucket(c)
    put(c, name, "a/1", "a/2", "a/3", "b", "c/1", "c/2", "d")
    c.same(pages(c, name, Delimiter="/", MaxKeys=1), [["a/"], ["b"], ["c/"], ["d"]])
    c.same(pages(c, name, Delimiter="/", MaxKeys=2), [["b", "a/"], ["d", "c/"]])


@check(
    "s3",
    "pages of groups end with a group",
    aws=f"{LIST}: IsTruncated is false if the last CommonPrefix was returned",
)
def _(c):
    name = bucket(c)
    put(c, name, "a/1", "b/1", "b/2")
    c.same(pages(c, name, Delimiter="/", MaxKeys=1), [["a/"], ["b/"]])


@check("s3", "a list starts after a key", aws=f"{LIST}: StartAfter can be any key; listing starts after it")
def _(c):
    name = bucket(c)
    put(c, name, "a", "b", "c", "d")
    c.same(keys_of(c, name, StartAfter="b"), ["c", "d"], "after a key that is there")
    c.same(keys_of(c, name, StartAfter="bb"), ["c", "d"], "after one that is not")
    c.same(keys_of(c, name, StartAfter="z"), [], "after the last")


@check(
    "s3", "a start goes on through the pages", aws=f"{LIST}: StartAfter with MaxKeys; the token goes on from there"
)
def _(c):
    name = bucket(c)
    put(c, name, "a", "b", "c", "d", "e")
    c.same(pages(c, name, StartAfter="b", MaxKeys=2), [["c", "d"], ["e"]])


@check(
    "s3",
    "a continuation token that is none is refused",
    moto=DIFFERS,
    aws="S3 error codes: InvalidArgument (400), the continuation token provided is incorrect",
)
def _(c):
    c.refused("InvalidArgument", c.s3.list_objects_v2, status=400, Bucket=bucket(c), ContinuationToken="nonsense")


@check(
    "s3",
    "keys can be asked for in URL form",
    aws=f"{LIST}: with encoding-type=url Delimiter, Prefix, Key and StartAfter are URL-encoded",
)
def _(c):
    name = bucket(c)
    put(c, name, "a b+c%/ü")
    page = c.s3.list_objects_v2(Bucket=name, EncodingType="url")
    key = page["Contents"][0]["Key"]
    c.same(page["EncodingType"], "url", "EncodingType")
    c.holds(key != "a b+c%/ü", "the key is not encoded")
    c.same(urllib.parse.unquote_plus(key), "a b+c%/ü", "the decoded key")


@check(
    "s3",
    "the first list has pages too",
    moto=DIFFERS,
    aws="S3 API Reference, ListObjects: Marker, and NextMarker only with a delimiter; otherwise the last key is the marker",
)
def _(c):
    name = bucket(c)
    put(c, name, "a", "b", "c")
    first = c.s3.list_objects(Bucket=name, MaxKeys=2)
    c.same(([one["Key"] for one in first["Contents"]], first["IsTruncated"]), (["a", "b"], True))
    c.holds("NextMarker" not in first, "there is a NextMarker without a delimiter")
    second = c.s3.list_objects(Bucket=name, MaxKeys=2, Marker="b")
    c.same(([one["Key"] for one in second["Contents"]], second["IsTruncated"]), (["c"], False))


@check(
    "s3",
    "the first list groups and goes on by NextMarker",
    moto=DIFFERS,
    aws="S3 API Reference, ListObjects: NextMarker is given when a delimiter is",
)
def _(c):
    name = bucket(c)
    put(c, name, "a/1", "a/2", "b", "c/1")
    seen, marker = [], {}
    while True:
        page = c.s3.list_objects(Bucket=name, Delimiter="/", MaxKeys=1, **marker)
        seen += [one["Key"] for one in page.get("Contents", [])]
        seen += [one["Prefix"] for one in page.get("CommonPrefixes", [])]
        if not page["IsTruncated"]:
            break
        marker = {"Marker": page["NextMarker"]}
    c.same(seen, ["a/", "b", "c/"])
