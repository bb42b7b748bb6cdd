"""The journey of e2e_clients_test.go with one boto3 client. Says "ok" at its end; an assertion ends it otherwise."""
import os

import boto3
from botocore.exceptions import ClientError

bucket, directory = os.environ["JOURNEY_BUCKET"], os.environ["JOURNEY_DIR"]
sizes = [int(n) for n in os.environ["JOURNEY_SIZES"].split(",")]
kms_key = os.environ["SEALFRONT_KMS_KEY"]
s3 = boto3.client("s3")


def key(n):
    return f"dir/object-{n}"


def sealed(answer):
    assert answer["ServerSideEncryption"] == "aws:kms", answer
    assert answer["SSEKMSKeyId"] == kms_key, answer


s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={
    "Location": {"Name": "usw2-az1", "Type": "AvailabilityZone"},
    "Bucket": {"DataRedundancy": "SingleAvailabilityZone", "Type": "Directory"}})
s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={
    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": kms_key}}]})
for n in sizes:
    path = os.path.join(directory, str(n))
    with open(path, "rb") as body:
        sealed(s3.put_object(Bucket=bucket, Key=key(n), Body=body))
    head = s3.head_object(Bucket=bucket, Key=key(n))
    sealed(head)
    assert head["ContentLength"] == n, head
    got = s3.get_object(Bucket=bucket, Key=key(n))
    sealed(got)
    with open(path, "rb") as body:
        assert got["Body"].read() == body.read(), f"GET of {n} bytes: other bytes"
listed = {o["Key"]: o["Size"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]}
assert listed == {key(n): n for n in sizes}, listed
for n in sizes:
    s3.delete_object(Bucket=bucket, Key=key(n))
try:
    boto3.client("s3", aws_secret_access_key="wrong", aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"]).list_objects_v2(Bucket=bucket)
    raise AssertionError("a wrong secret was let in")
except ClientError as e:
    assert e.response["Error"]["Code"] == "SignatureDoesNotMatch", e
    assert e.response["ResponseMetadata"]["HTTPStatusCode"] == 403, e
s3.delete_bucket(Bucket=bucket)
print("ok")
