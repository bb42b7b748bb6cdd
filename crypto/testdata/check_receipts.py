#!/usr/bin/env python3
"""Checks the receipts of "sealfront shred" without a line of Sealfront's code.

    check_receipts.py PUBLIC-KEY.pem RECEIPTS.jsonl

PUBLIC-KEY.pem must come from whoever signs, by a way that the receipts didn't come by: the key that a receipt names in
itself proves nothing. A line of the file is

    {"receipt":BODY,"signature":"BASE64"}

and the signature is Ed25519 over the bytes of BODY as they stand. BODY counts its number from 1 and holds the SHA-256
of the line before it, so a line that was changed, left out, added or moved is found; lines that are missing at the end are
not, so keep the last line's hash, which is printed, elsewhere.

Exit status: 0 all lines are right; 1 one isn't. What a receipt itself says to be unconfirmed is printed and is no
fault of the receipt. Needs the package "cryptography".
"""
import base64
import binascii
import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

KIND = "sealfront shred receipt 1"
BEGIN, MIDDLE, END = b'{"receipt":', b',"signature":"', b'"}'


class Fault(Exception):
    """What is wrong with a line."""


def no_duplicates(pairs):
    """A name that stands twice could be read in two ways."""
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise Fault("a name stands twice in an object")
    return dict(pairs)


def split(line):
    """The bytes of BODY, and the signature."""
    if not line.startswith(BEGIN) or not line.endswith(END):
        raise Fault("it is no receipt")
    at = line.rfind(MIDDLE)
    if at < 0:
        raise Fault("it has no signature")
    try:
        signature = base64.b64decode(line[at + len(MIDDLE) : -len(END)], validate=True)
    except binascii.Error:
        raise Fault("its signature isn't base64") from None
    return line[len(BEGIN) : at], signature


def check(line, public, number, previous):
    """The receipt of a line that is to be the number-th, behind one whose hash is previous."""
    body, signature = split(line)
    try:
        public.verify(signature, body)
    except InvalidSignature:
        raise Fault("the signature is wrong: it was changed, or signed by another key") from None
    try:
        receipt = json.loads(body, object_pairs_hook=no_duplicates)
    except ValueError:
        raise Fault("what was signed isn't JSON") from None
    if receipt.get("kind") != KIND:
        raise Fault(f"it is of the kind {receipt.get('kind')!r}")
    if receipt["number"] != number:
        raise Fault(f"it is number {receipt['number']}: receipts are missing, added or moved")
    if receipt["previous"] != previous:
        raise Fault("it doesn't follow the line before it: that was changed or exchanged")
    named = base64.b64decode(receipt["publicKey"])
    if named != public.public_bytes(Encoding.Raw, PublicFormat.Raw):
        raise Fault("it names another public key than the one that verifies it")
    consistent(receipt)
    return receipt


def consistent(receipt):
    """A receipt must say itself what it doesn't show."""
    unproven = "\n".join(receipt["unproven"])
    for replica in receipt["replicas"]:
        if replica["confirmed"] and not replica.get("at"):
            raise Fault(f"replica {replica['id']} has confirmed at no time")
        if not replica["confirmed"] and replica["id"] not in unproven:
            raise Fault(f"replica {replica['id']} has not confirmed, and that isn't among what is unproven")
    if receipt["began"] > receipt["ended"]:
        raise Fault("it ended before it began")


def show(receipt):
    """A summary for people."""
    key = receipt["key"]
    state = key["state"] or "?"
    print(f"receipt {receipt['number']}: {receipt['kmsKey']} {key['action']} at {key['at']}, then {state}")
    for replica in receipt["replicas"]:
        word = f"confirmed at {replica['at']}" if replica["confirmed"] else f"NOT CONFIRMED: {replica.get('why', '')}"
        print(f"  replica {replica['id']} on {replica['host']}: {word}")
    for read in receipt["reads"]:
        word = "refused by KMS" if read["failed"] else "NOT SHOWN TO FAIL"
        print(f"  read of {read['uri']}: {word}: {read['answer']}")
    for d in receipt["dependents"]:
        print(f"  bucket {d['bucket']}: {d['objects']} objects, {d['storedBytes']} bytes as stored")
    for text in receipt["unproven"]:
        print(f"  not shown: {text}")


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    with open(arguments[0], "rb") as file:
        public = load_pem_public_key(file.read())
    if not isinstance(public, Ed25519PublicKey):
        print("the public key isn't of Ed25519", file=sys.stderr)
        return 2
    with open(arguments[1], "rb") as file:
        text = file.read()
    previous, number = "", 0
    lines = text.split(b"\n")
    if lines.pop() != b"":
        print("the file ends within a line", file=sys.stderr)
        return 1
    for line in lines:
        number += 1
        try:
            show(check(line, public, number, previous))
        except (Fault, KeyError, TypeError, ValueError) as fault:
            print(f"line {number}: {fault!r}", file=sys.stderr)
            return 1
        previous = hashlib.sha256(line).hexdigest()
    print(f"{number} receipts are right; the hash of the last line is {previous or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
