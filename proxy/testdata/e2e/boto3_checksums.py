"""Each checksum algorithm by each way, with boto3. A line a pair: ALGORITHM WAY ok | lacks | failed: WHY."""
import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

bucket, directory = os.environ["SUMS_BUCKET"], os.environ["SEALFRONT_BUCKET"]
encrypted = boto3.client("s3", config=Config(retries={"max_attempts": 1}))
plain = boto3.client("s3", endpoint_url=os.environ["SEALFRONT_HTTP_URL"], config=Config(retries={"max_attempts": 1}))
FIELD = {n: "Checksum" + n for n in os.environ["SUMS_ALGORITHMS"].split()}
MIB = 5 << 20


def read(s3, b, key, body, name):
    got = s3.get_object(Bucket=b, Key=key, ChecksumMode="ENABLED")
    assert got["Body"].read() == body
    assert got.get(FIELD[name]), "no checksum is shown"


def put(s3, name):
    s3.put_object(Bucket=bucket, Key=name, Body=b"hello", ChecksumAlgorithm=name)
    read(s3, bucket, name, b"hello", name)


def parts(name, kind):
    key = name + kind
    made = encrypted.create_multipart_upload(Bucket=bucket, Key=key, ChecksumAlgorithm=name, ChecksumType=kind)
    done = []
    for number, body in enumerate((b"1" * MIB, b"2"), 1):
        part = encrypted.upload_part(Bucket=bucket, Key=key, UploadId=made["UploadId"], PartNumber=number, Body=body, ChecksumAlgorithm=name)
        done.append({"PartNumber": number, "ETag": part["ETag"], FIELD[name]: part[FIELD[name]]})
    encrypted.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=made["UploadId"], MultipartUpload={"Parts": done})
    read(encrypted, bucket, key, b"1" * MIB + b"2", name)


def copy(name):
    encrypted.put_object(Bucket=bucket, Key="seed", Body=b"hello")
    encrypted.copy_object(Bucket=bucket, Key="copy" + name, CopySource={"Bucket": bucket, "Key": "seed"}, ChecksumAlgorithm=name)
    assert FIELD[name] in encrypted.head_object(Bucket=bucket, Key="copy" + name, ChecksumMode="ENABLED")


def append(name):
    encrypted.put_object(Bucket=directory, Key="boto3" + name, Body=b"hello", ChecksumAlgorithm=name)
    encrypted.put_object(Bucket=directory, Key="boto3" + name, Body=b" more", ChecksumAlgorithm=name, WriteOffsetBytes=5)
    assert encrypted.get_object(Bucket=directory, Key="boto3" + name, ChecksumMode="ENABLED")["Body"].read() == b"hello more"


for name in FIELD:
    for way, do in (
        ("header", lambda: put(plain, name)), ("trailer", lambda: put(encrypted, name)), ("composite", lambda: parts(name, "COMPOSITE")),
        ("full", lambda: parts(name, "FULL_OBJECT")), ("copy", lambda: copy(name)), ("append", lambda: append(name)),
    ):
        try:
            do()
            print(name, way, "ok")
        except ClientError as e:
            print(name, way, "refused:" if e.response["Error"]["Code"] == "InvalidRequest" else "failed:", e)
        except AssertionError as e:
            print(name, way, "failed:", repr(e))
        except Exception:  # boto3 can't make such a checksum itself
            print(name, way, "lacks")
