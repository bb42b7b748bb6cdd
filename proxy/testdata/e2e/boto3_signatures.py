"""Presigned requests and forms of boto3, for sigv4_clients_test.go: a line an operation, with its result, "ok" or what was wrong."""
import os
import sys

import boto3
import urllib3
from botocore.config import Config

bucket = os.environ["SEALFRONT_BUCKET"]
pool = urllib3.PoolManager(ca_certs=os.environ["AWS_CA_BUNDLE"], retries=False)
body = bytes(range(256)) * 2000


def report(operation, result):
    print(operation, result, sep="\t")


def expect(operation, answer, status, data=None):
    good = answer.status == status and (data is None or answer.data == data)
    report(operation, "ok" if good else f"{answer.status} {answer.data[:300]!r}")


for name, session in (("session", True), ("long-term key", False)):
    # Without sessions boto3 presigns by SigV2 unless it is told otherwise.
    s3 = boto3.client("s3", config=Config() if session else Config(s3={"disable_s3_express_session_auth": True}, signature_version="s3v4"))
    key = f"dir/{name}: a+b/object"
    target = {"Bucket": bucket, "Key": key}

    def presigned(operation, **more):
        return s3.generate_presigned_url(operation, Params={**target, **more}, ExpiresIn=300)

    url = presigned("put_object", Metadata={"name": "value"}, ContentType="text/plain")
    headers = {"Content-Type": "text/plain", "x-amz-meta-name": "value"}
    if session != ("X-Amz-S3session-Token" in url):
        report(f"presigned PUT, {name}", f"signed another way: {url}")
    expect(f"presigned PUT, {name}", pool.request("PUT", url, body=body, headers=headers), 200)
    expect(f"presigned GET, {name}", pool.request("GET", presigned("get_object")), 200, body)
    head = pool.request("HEAD", presigned("head_object"))
    expect(f"presigned HEAD, {name}", head, 200 if head.headers.get("x-amz-meta-name") == "value" else 0)
    expect(f"presigned GET with overrides, {name}", pool.request("GET", presigned("get_object", ResponseContentType="text/html")), 200, body)
    expect(f"presigned DELETE, {name}", pool.request("DELETE", presigned("delete_object")), 204)
    expect(f"presigned GET after it, {name}", pool.request("GET", presigned("get_object")), 404)

    fields = {"x-amz-meta-name": "value", "success_action_status": "201"}
    form = s3.generate_presigned_post(bucket, "dir/${filename}", Fields=fields, ExpiresIn=300, Conditions=[
        {"x-amz-meta-name": "value"}, {"success_action_status": "201"}, ["content-length-range", 1, 1 << 20]])
    answer = pool.request("POST", form["url"], fields={**form["fields"], "file": ("a file.bin", body)})
    expect(f"form POST, {name}", answer, 201)
    got = s3.get_object(Bucket=bucket, Key="dir/a file.bin")
    report(f"GET after it, {name}", "ok" if got["Body"].read() == body and got["Metadata"] == {"name": "value"} else got["Metadata"])
    form["fields"]["key"] = "elsewhere/object"
    answer = pool.request("POST", form["url"], fields={**form["fields"], "file": ("a file.bin", body)})
    expect(f"form POST with another key, {name}", answer, 403)
    s3.delete_object(Bucket=bucket, Key="dir/a file.bin")

old = boto3.client("s3", config=Config(s3={"disable_s3_express_session_auth": True}))
url = old.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "dir/object"}, ExpiresIn=300)
if "X-Amz-Algorithm" not in url:
    refused = pool.request("GET", url)
    expect("presigned GET by SigV2 is refused", refused, 400 if b"require AWS Signature Version 4" in refused.data else 0)
sys.stdout.flush()
