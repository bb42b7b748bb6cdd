"""The job of matrix_clients_test.go with boto3 and its transfer manager. Says "ok" at its end."""
import os
import ssl
import tempfile
import urllib.request

import boto3
from botocore.config import Config

bucket, tree, big = os.environ["JOB_BUCKET"], os.environ["JOB_TREE"], os.environ["JOB_BIG"]
start, length = int(os.environ["JOB_FROM"]), int(os.environ["JOB_LENGTH"])
# Without this boto3 signs URLs of general purpose buckets with Signature Version 2.
s3 = boto3.client("s3", config=None if bucket.endswith("--x-s3") else Config(signature_version="s3v4"))


def read(path):
    with open(path, "rb") as f:
        return f.read()


names = [os.path.relpath(os.path.join(d, f), tree) for d, _, files in os.walk(tree) for f in files]
for name in names:
    s3.upload_file(os.path.join(tree, name), bucket, "tree/" + name)
listed = {}
for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="tree/", PaginationConfig={"PageSize": 3}):
    for o in page.get("Contents", []):
        assert o["Key"] not in listed, o["Key"]
        listed[o["Key"]] = o["Size"]
assert listed == {"tree/" + n: os.path.getsize(os.path.join(tree, n)) for n in names}, listed
with tempfile.TemporaryDirectory() as back:
    for i, name in enumerate(names):
        copy = os.path.join(back, str(i))
        s3.download_file(bucket, "tree/" + name, copy)
        assert read(copy) == read(os.path.join(tree, name)), name
assert s3.head_object(Bucket=bucket, Key="tree/" + big, PartNumber=1)["PartsCount"] > 1
content = read(os.path.join(tree, big))
part = s3.get_object(Bucket=bucket, Key="tree/" + big, Range=os.environ["JOB_RANGE"])["Body"].read()
assert part == content[start:start + length]
url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "tree/" + big})
with urllib.request.urlopen(url, context=ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])) as answer:
    assert answer.read() == content
gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "tree/" + n} for n in names]})
assert len(gone["Deleted"]) == len(names) and not gone.get("Errors"), gone
print("ok")
