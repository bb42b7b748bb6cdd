#!/usr/bin/env python3
"""A reader of sealed objects, format 1, made from FORMAT.md alone: whole objects, in memory, slowly.

    naive_reader.py vectors FILE.json …     opens or fails as each vector says; a line for each that doesn't
    naive_reader.py open BUCKET-KEY-HEX BUCKET-ARN KEY ENVELOPE STORED-FILE     plaintext on stdout

Needs the package "cryptography".
"""
import base64
import hashlib
import hmac
import json
import os
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

S, M = 65536, 5 * 1024 * 1024
MAX_PART = 5367398400
MAX_OBJECT = 9999 * MAX_PART + 5366218752
SUMS = [0, 4, 4, 8, 20, 32, 64, 16, 8, 8, 16]
ZERO_NONCE = bytes(12)


class Fault(Exception):
    """One of FORMAT.md's words for a failure; released is what had been given out before."""

    def __init__(self, word, released=b""):
        super().__init__(word)
        self.released = released


def expand(secret, label, *inputs):
    return HKDFExpand(hashes.SHA256(), 32, label.encode() + b"".join(inputs)).derive(secret)


def open_aead(key, nonce, sealed, additional=b""):
    try:
        return AESGCM(key).decrypt(nonce, sealed, additional)
    except InvalidTag:
        raise Fault("tampered") from None


def string(s):
    return struct.pack(">H", len(s)) + s


def nonce(index, last):
    return bytes(3) + struct.pack(">QB", index, last)


def seal_part(data_key, salt, plain):
    aead, out = AESGCM(expand(data_key, "sealfront/1 part", salt)), []
    count = max(1, -(-len(plain) // S))
    for i in range(count):
        out.append(aead.encrypt(nonce(i, i == count - 1), plain[i * S : i * S + S], b""))
    return b"".join(out)


def stored_length(p):
    return 0 if p == 0 else p + 16 * -(-p // S) + 112 * min(10000, p // M + 1) + 192


def plain_length(stored):
    low, high = 0, stored
    while low < high:
        middle = (low + high) // 2
        if stored_length(middle) < stored:
            low = middle + 1
        else:
            high = middle
    if stored_length(low) != stored or low > MAX_OBJECT:
        raise Fault("damaged")
    return low


class Fields:
    """Takes fields from the front of bytes."""

    def __init__(self, b):
        self.b, self.at = b, 0

    def take(self, n):
        if self.at + n > len(self.b):
            raise Fault("format")
        self.at += n
        return self.b[self.at - n : self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def string(self):
        return self.take(self.number(2))

    def checksum(self, optional):
        kind, algorithm = self.number(1), self.number(1)
        if optional and kind == 0 and algorithm == 0:
            return 0
        if algorithm > 10:
            raise Fault("version")
        if kind not in (1, 2) or algorithm == 0:
            raise Fault("format")
        self.take(SUMS[algorithm])
        return kind

    def end(self):
        if self.at != len(self.b):
            raise Fault("format")


class Envelope:
    def __init__(self, text):
        if not text:
            raise Fault("not sealed")
        try:
            b = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            raise Fault("format") from None
        if base64.urlsafe_b64encode(b).rstrip(b"=").decode() != text or not 84 <= len(b) <= 1536:
            raise Fault("format")
        if b[:2] != b"\x01\x01":
            raise Fault("version")
        f = Fields(b)
        f.take(2)
        sse, flags = f.number(1), f.number(1)
        self.multipart = bool(flags & 4)
        self.object_id, self.wrap_salt, self.part_salt = f.take(16), f.take(16), f.take(16)
        self.commitment = f.take(32)
        arn, before = f.string(), b""
        bad = sse not in (1, 2) or flags > 7 or not arn or any(not 0x21 <= c <= 0x7E for c in arn)
        for _ in range(f.number(1)):
            name, value = f.string(), f.string()
            try:
                name.decode(), value.decode()
            except UnicodeDecodeError:
                bad = True
            bad, before = bad or name <= before, name
        bad = bad or not f.string()
        self.fields = b[: f.at]
        self.wrapped = f.take(f.number(1))
        f.end()
        possible = {33 + 16 + length + checksum for length in (0, 8) for checksum in [0] + [2 + n for n in SUMS[1:]]}
        if bad or len(self.wrapped) not in possible or self.multipart and self.part_salt != bytes(16):
            raise Fault("format")

    def unwrap(self, bucket_key, bucket_arn, key):
        """Returns the data key and the length, None if none was sealed."""
        if bucket_key == bytes(32):
            raise Fault("zero key")
        wrap_key = HKDF(hashes.SHA256(), 32, self.wrap_salt, b"sealfront/1 wrap").derive(bucket_key)
        place = string(bucket_arn.encode()) + string(key.encode())
        f = Fields(open_aead(wrap_key, ZERO_NONCE, self.wrapped, self.fields + place))
        data_key, flags, length = f.take(32), f.number(1), None
        if flags > 3 or data_key == bytes(32):
            raise Fault("format")
        if flags & 1:
            length = f.number(8)
            if length > MAX_OBJECT or self.multipart and length == 0:
                raise Fault("format")
        if flags & 2 and f.checksum(False) == 2 and not self.multipart or length is None and not self.multipart:
            raise Fault("format")
        f.end()
        if not hmac.compare_digest(self.commitment, expand(data_key, "sealfront/1 commit", self.object_id)):
            raise Fault("tampered")
        return data_key, length


def open_trailer(data_key, object_id, stored, plain):
    """Returns the parts as (length, salt)."""
    tail = stored[-32:]
    if tail[:8] != b"SEALFRNT":
        raise Fault("damaged")
    if tail[8] != 1:
        raise Fault("version")
    if tail[9:12] != bytes(3):
        raise Fault("format")
    size = int.from_bytes(tail[12:16], "big")
    if not 50 <= size <= 92 + 86 * min(10000, plain // M + 1):
        raise Fault("damaged")
    key = expand(data_key, "sealfront/1 trailer", object_id, tail[16:])
    f = Fields(open_aead(key, ZERO_NONCE, stored[-32 - size : -32], tail))
    length, count = f.number(8), f.number(2)
    f.checksum(True)
    parts = []
    for _ in range(count):
        n, algorithm, salt = f.number(5), f.number(1), f.take(16)
        if algorithm > 10:
            raise Fault("version")
        f.take(SUMS[algorithm])
        parts.append((n, salt))
    f.end()
    legal = 1 <= count <= 10000 and all(n <= MAX_PART for n, _ in parts) and all(n >= M for n, _ in parts[:-1])
    if not legal or sum(n for n, _ in parts) != length or length == 0:
        raise Fault("partition")
    if length != plain:
        raise Fault("damaged")
    return parts


def open_object(text, stored, bucket_key, bucket_arn, key):
    envelope = Envelope(text)
    data_key, length = envelope.unwrap(bucket_key, bucket_arn, key)
    plain = plain_length(len(stored))
    if length is not None and length != plain or length is None and plain == 0:
        raise Fault("damaged")
    if plain == 0:
        return b""
    parts = [(plain, envelope.part_salt)]
    if envelope.multipart:
        parts = open_trailer(data_key, envelope.object_id, stored, plain)
    out, at = [], 0
    for length, salt in parts:
        part_key = expand(data_key, "sealfront/1 part", salt)
        count = max(1, -(-length // S))
        for i in range(count):
            n = min(S, length - i * S) + 16
            try:
                out.append(open_aead(part_key, nonce(i, i == count - 1), stored[at : at + n]))
            except Fault as fault:
                fault.released = b"".join(out)
                raise
            at += n
    return b"".join(out)


def vector_body(n):
    blocks = (hashlib.sha256(struct.pack(">Q", i)).digest() for i in range(-(-n // 32)))
    return b"".join(blocks)[:n]


def vector_stored(v, load):
    b = bytearray(base64.b64decode(v.get("stored", "")))
    if "base" in v:
        b = bytearray(vector_stored(load(v["base"]), load))
    elif "rebuild" in v:
        parts, end = v["rebuild"]["parts"], base64.b64decode(v["rebuild"]["end"])
        total = sum(p["length"] for p in parts)
        plain, at = vector_body(total), 0
        for p in parts:
            b += seal_part(bytes.fromhex(v["data_key"]), bytes.fromhex(p["salt"]), plain[at : at + p["length"]])
            at += p["length"]
        b += bytes(stored_length(total) - len(b) - len(end)) + end
    for e in v.get("edits", []):
        at, to, n, data = e.get("at", 0), e.get("to", 0), e.get("n", 0), bytes.fromhex(e.get("hex", ""))
        if e["op"] == "cut":
            del b[n:]
        elif e["op"] == "append":
            b += data
        elif e["op"] == "insert":
            b[at:at] = data
        elif e["op"] == "xor":
            for i, x in enumerate(data):
                b[at + i] ^= x
        elif e["op"] == "swap":
            b[at : at + n], b[to : to + n] = b[to : to + n], b[at : at + n]
        elif e["op"] == "drop":
            del b[at : at + n]
        elif e["op"] == "double":
            b[at:at] = b[at : at + n]
        else:
            raise ValueError(e["op"])
    return bytes(b)


def check_vector(path):
    """Returns what is wrong with the reader's behaviour on a vector, None if nothing is."""

    def load(name):
        with open(os.path.join(os.path.dirname(path), name + ".json"), encoding="utf-8") as f:
            return json.load(f)

    v = load(os.path.basename(path)[: -len(".json")])
    stored = vector_stored(v, load)
    if hashlib.sha256(stored).hexdigest() != v["stored_sha256"]:
        return "the stored bytes are not those of the vector"
    got, plain = "ok", b""
    try:
        plain = open_object(v["envelope"], stored, bytes.fromhex(v["bucket_key"]), v["bucket_arn"], v["key"])
    except Fault as fault:
        got, plain = str(fault), fault.released
    if got != v["expect"]:
        return f"{got}, want {v['expect']}"
    if got == "ok":
        right = len(plain) == v["plaintext_length"] and hashlib.sha256(plain).hexdigest() == v["plaintext_sha256"]
        return None if right else "opened other bytes"
    return None if plain == vector_body(len(plain)) else "released what isn't a prefix"


def main(arguments):
    if len(arguments) > 1 and arguments[0] == "vectors":
        wrong = 0
        for path in arguments[1:]:
            why = check_vector(path)
            if why:
                wrong += 1
                print(f"{path}: {why}")
        print(f"{len(arguments) - 1} vectors, {wrong} wrong")
        return 1 if wrong else 0
    if len(arguments) == 6 and arguments[0] == "open":
        with open(arguments[5], "rb") as f:
            stored = f.read()
        try:
            plain = open_object(arguments[4], stored, bytes.fromhex(arguments[1]), arguments[2], arguments[3])
        except Fault as fault:
            print(fault, file=sys.stderr)
            return 1
        sys.stdout.buffer.write(plain)
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
