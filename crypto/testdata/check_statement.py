#!/usr/bin/env python3
"""Checks a statement of "sealfront attest" without a line of Sealfront's code.

    check_statement.py PUBLIC-KEY STATEMENT LIST [--endpoint URL [--bucket NAME] [--header NAME] | --folder DIR]

PUBLIC-KEY is a file with the answer of the admin address to GET /attestation, or its publicKey alone; it must come by
another way than the statement. STATEMENT and LIST are statement.json and objects.jsonl. The signature is Ed25519 over
BODY's bytes in {"statement":BODY,"signature":"BASE64"}. The list must have the SHA-256 that BODY names; its rows are
counted again, and the sample is drawn again: the smallest HMAC-SHA256 under the seed of key, a zero byte, and version.
From a store, by boto3's usual credentials, the sample is read again: its bytes must have the statement's SHA-256, look
random, and end as sealed objects do; the envelope must name the statement's KMS key and bucket key; and what the store
lists must be in the list. Of a folder of files only bytes are read. What was replaced or deleted since, by the store's
word, is only counted. Exit status: 0 all is right; 1 something isn't. Findings are printed, they are no fault of it.
Needs the package "cryptography", and boto3 for --endpoint.
"""
import base64
import datetime
import hashlib
import hmac
import json
import os
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

BEGIN, MIDDLE, END = b'{"statement":', b',"signature":"', b'"}'
name = lambda row: (row["key"], row.get("version", ""))
opened = lambda rows: sum("opened" in r for r in rows)


def require(holds, why):
    if not holds:
        sys.exit("WRONG: " + why)


def open_statement(line, public):
    at = line.rfind(MIDDLE)
    require(line.startswith(BEGIN) and line.endswith(END) and at > 0, "it is no statement")
    body, signature = line[len(BEGIN) : at], line[at + len(MIDDLE) : -len(END)]
    require(signature, "it isn't signed: it was made without the key service")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(signature, validate=True), body)
    except (InvalidSignature, ValueError):
        require(False, "the signature is wrong: it was changed, or signed by another key")
    s = json.loads(body)
    require(s["kind"] == "sealfront attestation 1", f"it is of the kind {s['kind']!r}")
    require(base64.b64decode(s["publicKey"]) == public, "it names another public key than the one that verifies it")
    return s


def read_list(path, s):
    """The rows of the list, once it is the one that the statement names."""
    with open(path, "rb") as f:
        text = f.read()
    sums = {"sha256": hashlib.sha256(text).hexdigest(), "lines": text.count(b"\n"), "bytes": len(text)}
    require(sums == s["list"], "the list isn't the one that the statement was made of")
    lines = [json.loads(line) for line in text.split(b"\n")[:-1]]
    for field in ("id", "target", "bucket", "scope"):
        require(lines[0]["list"][field] == s[field], f"the list is of another scan: {field}")
    require([o["run"] for o in lines if "run" in o] == s["runs"], "the list has other runs than the statement")
    return [o["row"] for o in lines if "row" in o]


def count(rows, s):
    """Compares what the statement says with what its rows come to."""
    seen = {kind: [r for r in rows if r["seen"] == kind and not r.get("gone")] for kind in {r["seen"] for r in rows}}
    older, uploads = seen.get("version", []), seen.get("upload", [])
    objects = seen.get("listing", []) + seen.get("second listing", []) + older
    sealed, drawn = [r for r in objects if r.get("sealed")], [r for r in rows if r["seen"] == "sample"]
    whole = [r for r in (objects if s["scope"]["mode"] == "full" else drawn) if r.get("read") == "whole"]
    total, read = sum(r["stored"] for r in objects), sum(r["stored"] for r in whole)
    refused, tried = [r for r in sealed if "unopened" in r], [r for r in drawn if "withoutKMS" in r]
    kinds = {"unopened": len({(r["sealed"]["kmsKey"], r["unopened"]) for r in refused})} if refused else {}
    found = [f for r in rows for f in r.get("findings", [])]
    for f in found:
        kinds[f["kind"]] = kinds.get(f["kind"], 0) + 1
    numbers = {
        "objects": {
            "current": len(objects) - len(older), "versions": len(older), "bytes": total, "sealed": len(sealed),
            "gone": sum("gone" in r for r in rows if r["seen"] != "sample"),
            "later": sum("later" in r for r in objects),
            "deleteMarkers": len(seen.get("delete marker", [])), "leftovers": len(seen.get("leftover", [])),
            "uploads": len(uploads), "parts": sum(r.get("parts", 0) for r in uploads),
            "partBytes": sum(r["stored"] for r in uploads),
        },
        "read": {"ends": sum("read" in r for r in objects), "whole": len(whole), "wholeBytes": read,
                 "otherBytes": max(0, total - read)},
        "findingsByKind": kinds,
        "verdict": "nothing opened" if sealed and not opened(sealed) else "findings" if kinds else "clean",
    }
    for what, number in numbers.items():
        require(s[what] == number, f"it says of {what}: {s[what]}, and from its list follows {number}")
    for use in s["keys"]:
        under = [r for r in sealed if (r["sealed"]["kmsKey"], r["sealed"]["sse"]) == (use["kmsKey"], use["sse"])]
        blobs = use["blobs"] if use.get("atLeast") else len({r["sealed"]["blob"] for r in under})
        right = [len(under), sum(r["stored"] for r in under), opened(under), blobs]
        require([use[n] for n in ("objects", "bytes", "opened", "blobs")] == right, f"{use['kmsKey']} has {right}")
    require(sum(use["objects"] for use in s["keys"]) == len(sealed), "it leaves out a KMS key")
    o, without = s["opening"], {"tried": len(tried), "opened": sum(r["withoutKMS"] == "opened" for r in tried)}
    require(o["opened"] == opened(sealed) and sum(r["objects"] for r in o["refused"]) == len(refused)
            and o["withoutKMS"] == without and o["bodies"] == opened(whole), "it counts otherwise what opened")
    require(len(s["findings"]) == min(1000, sum(kinds.values())), "it doesn't name as many findings as it counts")
    require(all(f in found or f["kind"] == "unopened" for f in s["findings"]), "a finding isn't in its list")
    seed = bytes.fromhex(s["scope"]["seed"])
    objects.sort(key=lambda r: hmac.digest(seed, "\0".join(name(r)).encode(), "sha256"))
    expected = [name(r) for r in objects[: s["scope"]["sample"]]]
    require([name(r) for r in s["sample"]] == expected, "its sample isn't the one that its seed draws")
    require(sorted(s["sample"], key=name) == sorted(drawn, key=name), "its sample's rows aren't those of its list")


def envelope(text):
    """What an envelope of format 1 says in the clear, as FORMAT.md describes it."""
    string = lambda b: (b[2 : 2 + int.from_bytes(b[:2], "big")], b[2 + int.from_bytes(b[:2], "big") :])
    b = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    require(b[:2] == b"\x01\x01", "its envelope is of no known format")
    key, rest = string(b[84:])
    pairs, rest = rest[0], rest[1:]
    for _ in range(2 * pairs):
        rest = string(rest)[1]
    return {"objectId": b[4:20].hex(), "sse": {1: "AES256", 2: "aws:kms"}[b[2]], "kmsKey": key.decode(),
            "blob": hashlib.sha256(string(rest)[0]).hexdigest()[:16]}


def check_object(row, body, header):
    """Compares stored bytes, and the envelope unless None, with the statement's row of the sample."""
    what = f"{row['key']!r}: its "
    require(hashlib.sha256(body).hexdigest() == row["sha256"], what + "bytes aren't those of the statement")
    if not row.get("opened"):
        return
    require(header is None or envelope(header) == row["sealed"], what + "envelope isn't the one of the statement")
    require(not body or body[-32:-20] == b"SEALFRNT\x01\0\0\0", what + "end isn't a sealed object's")
    end = len(body) - 4096 - 112 * (len(body) // 5242880)  # padding and trailer aren't random throughout
    for at in range(0, end - 16383, 65536):
        window = body[at : min(at + 65536, end)]
        expected = len(window) / 256
        chi = sum((window.count(v) - expected) ** 2 / expected for v in range(256))
        require(chi < 520, what + f"bytes from {at} on aren't random: chi-square {chi:.0f}")


def stored(row, began, options, s3):
    """The bytes and the envelope of a row, if they are those that the scan read."""
    if s3:
        try:
            version = {"VersionId": row["version"]} if row.get("version") else {}
            answer = s3.get_object(Bucket=options["--bucket"], Key=row["key"], **version)
        except s3.exceptions.ClientError as e:
            return require("NoSuch" in str(e), f"{row['key']!r}: {e}"), None
        header = {n.lower(): v for n, v in answer["Metadata"].items()}.get(options.get("--header", "sealfront"), "")
        return (answer["Body"].read(), header) if answer["ETag"] == row["etag"] else (None, None)
    path = os.path.join(options["--folder"], row["key"])
    if row.get("version") or not os.path.exists(path) or os.path.getmtime(path) > began.timestamp():
        return None, None
    with open(path, "rb") as f:
        return f.read(), None


def check_store(s, rows, options):
    """Reads the sample again; returns how many were read and how many have changed since."""
    began, s3, same = datetime.datetime.fromisoformat(s["began"]), None, 0
    sample = [r for r in s["sample"] if r.get("sha256")]
    if "--endpoint" in options:
        import boto3
        os.environ.setdefault("AWS_S3_DISABLE_EXPRESS_SESSION_AUTH", "true")
        s3 = boto3.client("s3", endpoint_url=options["--endpoint"])
        sign = lambda context, **_: context.setdefault("signing", {}).update(signing_name="s3") or "s3v4"
        s3.meta.events.register("choose-signer.s3", sign)  # whatever the bucket's name makes boto3 do
        known, prefix = {r["key"] for r in rows}, s["target"].split("/", 3)[3]
        bucket = options.setdefault("--bucket", s["bucket"]["inStore"])
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for o in page.get("Contents", []):
                require(o["Key"] in known or o["LastModified"] > began, f"{o['Key']!r} isn't in the list")
    for row in sample:
        body, header = stored(row, began, options, s3)
        if body is not None:
            same += 1
            check_object(row, body, header)
    require(same or not sample, "nothing of the sample is in the store as it was")
    return same, len(sample) - same


def main():
    if len(sys.argv) < 4 or len(sys.argv) % 2:
        sys.exit(__doc__)
    options = dict(zip(sys.argv[4::2], sys.argv[5::2]))
    with open(sys.argv[1], encoding="utf-8") as f, open(sys.argv[2], "rb") as g:
        key, line = f.read().strip(), g.read().removesuffix(b"\n")
    s = open_statement(line, base64.b64decode(json.loads(key)["publicKey"] if key.startswith("{") else key))
    rows = read_list(sys.argv[3], s)
    count(rows, s)
    if options:
        print("%d of the sample have the statement's bytes, %d have changed since" % check_store(s, rows, options))
    for f in s["findings"]:
        print(f"finding: {f['kind']}: {f['uri']} {f.get('version', '')}: {f['why']}")
    print(*s["conclusions"], *(f"NOT PROVEN: {limit}" for limit in s["notProven"]), sep="\n")
    print(f"the statement is right; its verdict is {s['verdict']}, its SHA-256 {hashlib.sha256(line).hexdigest()}")


if __name__ == "__main__":
    main()
