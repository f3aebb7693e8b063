#!/usr/bin/env python3
"""Writes tests/cases/safetensors and tests/cases/gguf: small files, each sound but for one thing, and expected.txt."""
import json
import pathlib
import struct

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "cases"


def write(folder, ext, cases):
    out = ROOT / folder
    out.mkdir(parents=True, exist_ok=True)
    for name, (data, _) in cases.items():
        (out / (name + ext)).write_bytes(data)
    (out / "expected.txt").write_text("".join(sorted(f"{n}{ext}: {says}\n" for n, (_, says) in cases.items())))


# --- safetensors ---

def st(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def t(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


EIGHT = bytes(8)
SAFETENSORS = {
    "ok": (st({"a": t([2], 0, 8)}, EIGHT), "ok"),
    "ok-none": (st({}), "ok"),
    "ok-scalar": (st({"a": t([], 0, 4), "b": t([0, 9], 4, 4)}, bytes(4)), "ok"),
    "ok-metadata": (st({"__metadata__": {"k": "v"}, "a": t([2], 0, 8)}, EIGHT), "ok"),
    "bad-empty": (b"", "the file is empty"),
    "bad-short": (b"\2\0\0", "neither safetensors nor GGUF"),
    "bad-text": (b"hello, this is a text file", "neither safetensors nor GGUF"),
    "bad-header-length": (st({}, length=255), "the header says 255 bytes; 2 follow"),
    "bad-header-wraps": (st({}, length=2**64 - 1), "the header says 18446744073709551615 bytes"),
    "bad-header-huge": (st({}, length=101 << 20), "are the limit"),
    "bad-header-cut": (st({"a": t([2], 0, 8)}, EIGHT, length=20), "the header: line 1 column"),
    "bad-header-not-json": (st(b"{nonsense"), "the header: line 1 column"),
    "bad-header-not-utf8": (st(b'{"\xff": 1}'), "unable to decode byte 0xff"),
    "bad-duplicate": (st(b'{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[],'
                         b'"data_offsets":[4,8]}}', EIGHT), "duplicate"),
    "bad-dtype": (st({"a": t([2], 0, 8, "F31")}, EIGHT), "dtype 'F31' is not known"),
    "bad-dtype-quantised": (st({"a": t([32], 0, 34, "Q8_0")}, bytes(34)), "dtype 'Q8_0' is not known"),
    "bad-no-dtype": (st({"a": {"shape": [2], "data_offsets": [0, 8]}}, EIGHT), "tensor 'a': no dtype"),
    "bad-no-shape": (st({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, EIGHT), "tensor 'a': no shape"),
    "bad-tensor-number": (st({"a": 3}), "tensor 'a': no dtype"),
    "bad-shape-negative": (st({"a": t([-2], 0, 8)}, EIGHT), "shape[0] is no size"),
    "bad-shape-real": (st({"a": t([2.0], 0, 8)}, EIGHT), "shape[0] is no size"),
    "bad-shape-six": (st({"a": t([1] * 6, 0, 4)}, bytes(4)), "6 dimensions, at most 5"),
    "bad-shape-overflow": (st({"a": t([2**40, 2**40], 0, 8)}, EIGHT), "too large to count"),
    "bad-shape-disagrees": (st({"a": t([3], 0, 8)}, EIGHT), "offsets hold 8 bytes, dtype and shape need 12"),
    "bad-offsets-reversed": (st({"a": t([2], 8, 0)}, EIGHT), "data_offsets are not [begin, end]"),
    "bad-offsets-negative": (st({"a": t([2], -8, 0)}, EIGHT), "data_offsets are not [begin, end]"),
    "bad-offsets-outside": (st({"a": t([2], 8, 16)}, EIGHT), "ends at byte 16 of the data, which has 8"),
    "bad-truncated": (st({"a": t([2], 0, 8)}, bytes(5)), "ends at byte 8 of the data, which has 5"),
    "bad-hole": (st({"a": t([1], 0, 4), "b": t([1], 8, 12)}, bytes(12)), "bytes 4 to 8 before tensor 'b' belong to none"),
    "bad-overlap": (st({"a": t([2], 0, 8), "b": t([2], 4, 12)}, bytes(12)), "begins at byte 4, inside 'a'"),
    "bad-trailing": (st({"a": t([2], 0, 8)}, bytes(9)), "end at byte 8 of the data, which has 9"),
    "bad-metadata-number": (st({"__metadata__": {"k": 3}}), "__metadata__: 'k' is not a string"),
    "bad-metadata-list": (st({"__metadata__": []}), "__metadata__: not an object"),
    "bad-deep": (st(b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}"), "nested deeper"),
}

# --- GGUF ---

U8, U32, STR, ARRAY, BOOL = 0, 4, 8, 9, 7


def string(s):
    b = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(b)) + b


def kv(key, kind, value):
    return string(key) + struct.pack("<I", kind) + value


def u32(v):
    return struct.pack("<I", v)


def array(kind, n, items):
    return struct.pack("<IQ", kind, n) + items


def info(name, dims, kind, offset):
    return string(name) + u32(len(dims)) + b"".join(struct.pack("<Q", d) for d in dims) + struct.pack("<IQ", kind, offset)


def gg(infos=(), kvs=(), data=b"", version=3, n=None, n_kv=None, align=32):
    head = b"GGUF" + struct.pack("<IQQ", version, len(infos) if n is None else n, len(kvs) if n_kv is None else n_kv)
    head += b"".join(kvs) + b"".join(infos)
    return head + bytes(-len(head) % align) + data


A = info("a", [2], 0, 0)
NEST = array(U8, 1, b"\1")
for _ in range(8):
    NEST = array(ARRAY, 1, NEST)
GGUF = {
    "ok": (gg([A], [kv("general.architecture", STR, string("x"))], EIGHT), "ok"),
    "ok-none": (gg(), "ok"),
    "ok-version-2": (gg([A], [], EIGHT, version=2), "ok"),
    "ok-alignment-64": (gg([A, info("b", [2], 0, 64)], [kv("general.alignment", U32, u32(64))], bytes(72), align=64), "ok"),
    "ok-array-nested": (gg([], [kv("k", ARRAY, array(ARRAY, 2, array(U8, 1, b"\1") + array(STR, 1, string("x"))))]), "ok"),
    "bad-magic-only": (b"GGUF", "the header: needs 4 bytes at 4, the file has 4"),
    "bad-version-1": (gg(version=1), "GGUF version 1; versions 2 and 3 are read"),
    "bad-version-4": (gg(version=4), "GGUF version 4"),
    "bad-big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "a big-endian GGUF"),
    "bad-tensor-count": (gg(n=2**60), "the header says 1152921504606846976 tensors"),
    "bad-tensor-count-one-more": (gg([A], [], EIGHT, n=2), "a tensor without a name"),
    "bad-key-count": (gg(n_kv=2**63), "the header says 9223372036854775808 keys"),
    "bad-key-length": (gg([], [struct.pack("<Q", 2**64 - 1) + bytes(30)]), "a key: needs 18446744073709551615 bytes"),
    "bad-key-empty": (gg([], [kv("", U8, b"\1")]), "a key without a name"),
    "bad-key-nul": (gg([], [kv("a\0b", U8, b"\1")]), "a string with a NUL inside"),
    "bad-key-twice": (gg([], [kv("k", U8, b"\1"), kv("k", U8, b"\2")]), "key 'k' is there twice"),
    "bad-key-type": (gg([], [kv("k", 13, bytes(16))]), "key k: no value type has the number 13"),
    "bad-bool": (gg([], [kv("k", BOOL, b"\2")]), "key k: a bool of 2"),
    "bad-string-length": (gg([], [kv("k", STR, struct.pack("<Q", 1000))]), "key k: needs 1000 bytes"),
    "bad-string-nul": (gg([], [kv("k", STR, string("a\0b"))]), "key k: a string with a NUL inside"),
    "bad-array-count": (gg([], [kv("k", ARRAY, array(U32, 2**62, b""))]), "key k: 4611686018427387904 items of u32"),
    "bad-array-strings": (gg([], [kv("k", ARRAY, array(STR, 2**61, b""))]), "key k: 2305843009213693952 items of string"),
    "bad-array-type": (gg([], [kv("k", ARRAY, array(99, 1, bytes(8)))]), "key k: no value type has the number 99"),
    "bad-array-deep": (gg([], [kv("k", ARRAY, NEST)]), "key k: arrays nested deeper than 4"),
    "bad-alignment-zero": (gg([A], [kv("general.alignment", U32, u32(0))], EIGHT), "general.alignment: 0 is no power of two"),
    "bad-alignment-33": (gg([A], [kv("general.alignment", U32, u32(33))], EIGHT), "general.alignment: 33 is no power of two"),
    "bad-alignment-type": (gg([A], [kv("general.alignment", STR, string("x"))], EIGHT), "general.alignment: string, wanted u32"),
    "bad-dims-five": (gg([info("a", [1] * 5, 0, 0)], [], EIGHT), "tensor 'a': 5 dimensions, at most 4"),
    "bad-dims-huge-count": (gg([string("a") + u32(2**32 - 1) + bytes(64)], [], EIGHT), "4294967295 dimensions"),
    "bad-dim-huge": (gg([info("a", [2**63], 0, 0)], [], EIGHT), "tensor 'a': a dimension of 9223372036854775808"),
    "bad-dims-overflow": (gg([info("a", [2**32, 2**32], 0, 0)], [], EIGHT), "too large to count"),
    "bad-block": (gg([info("a", [33], 8, 0)], [], bytes(68)), "rows of 33 elements do not fill blocks of 32"),
    "bad-type": (gg([info("a", [2], 77, 0)], [], EIGHT), "no tensor type has the number 77"),
    "bad-type-removed": (gg([info("a", [32], 4, 0)], [], bytes(32)), "no tensor type has the number 4"),
    "bad-type-iq": (gg([info("a", [256], 23, 0)], [], bytes(136)), "type IQ4_XS is not supported"),
    "bad-name-long": (gg([info("n" * 65, [2], 0, 0)], [], EIGHT), "a tensor's name: a name of 65 bytes, at most 64"),
    "bad-name-empty": (gg([info("", [2], 0, 0)], [], EIGHT), "a tensor without a name"),
    "bad-name-twice": (gg([A, info("a", [2], 0, 32)], [], bytes(40)), "tensor 'a' is there twice"),
    "bad-offset-unaligned": (gg([info("a", [2], 0, 4)], [], bytes(12)), "offset 4 is no multiple of 32"),
    "bad-offset-outside": (gg([info("a", [2], 0, 2**40)], [], EIGHT), "8 bytes at offset 1099511627776, the data has 8"),
    "bad-offset-wraps": (gg([info("a", [2], 0, 2**64 - 32)], [], EIGHT), "at offset 18446744073709551584"),
    "bad-truncated": (gg([A], [], bytes(7)), "tensor 'a': 8 bytes at offset 0, the data has 7"),
    "bad-overlap": (gg([info("a", [16], 0, 0), info("b", [2], 0, 32)], [], bytes(64)), "tensor 'b' begins at byte"),
    "bad-cut-in-info": (gg([A], [], EIGHT)[:50], "a: needs"),
}

write("safetensors", ".safetensors", SAFETENSORS)
write("gguf", ".gguf", GGUF)
