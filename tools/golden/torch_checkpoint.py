#!/usr/bin/env python3
"""Golden PyTorch checkpoints and broken ones (pip install torch numpy; written with torch 2.15).

    tools/golden/torch_checkpoint.py    writes tests/golden/formats/*.pth, tests/cases/torch and tests/cases/ctranslate2

Every tensor holds i * 0.5 - 1, cut to an integer where the type is one, as tests/test_format.c checks.
"""
import collections
import io
import pathlib
import struct
import zipfile

import torch

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests"
GOLDEN = ROOT / "golden" / "formats"


def ramp(dtype, *shape):
    n = 1
    for s in shape:
        n *= s
    return (torch.arange(n, dtype=torch.float64) * 0.5 - 1).trunc().to(dtype).reshape(shape) \
        if not dtype.is_floating_point else (torch.arange(n, dtype=torch.float64) * 0.5 - 1).to(dtype).reshape(shape)


def state():
    d = collections.OrderedDict()
    d["a.f32"] = ramp(torch.float32, 2, 3)
    d["b.f16"] = ramp(torch.float16, 4)
    d["c.f64"] = ramp(torch.float64, 2, 1, 2)
    d["d.i64"] = ramp(torch.int64, 3)
    d["e.i32"] = ramp(torch.int32, 2, 2)
    d["f.i16"] = ramp(torch.int16, 5)
    d["g.i8"] = ramp(torch.int8, 3)
    d["h.scalar"] = ramp(torch.float32)
    d["j.five"] = ramp(torch.float32, 1, 2, 1, 2, 2)
    d["s.bf16"] = ramp(torch.bfloat16, 2, 3)
    d["t.turned"] = ramp(torch.float32, 6).reshape(3, 2).t().contiguous().t()  # strides 1, 3
    d["u.channels"] = ramp(torch.float32, 1, 2, 2, 3).to(memory_format=torch.channels_last)
    d["v.tied"] = d["a.f32"]
    d["w.part"] = torch.cat([torch.full((3,), 9.0), ramp(torch.float32, 4)])[3:]  # an offset of 3
    d["x.param"] = torch.nn.Parameter(ramp(torch.float32, 2))
    d["y.empty"] = ramp(torch.float32, 0, 4)
    return d


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(3, 2)
        with torch.no_grad():
            self.fc.weight.copy_(ramp(torch.float32, 2, 3))
            self.fc.bias.copy_(ramp(torch.float32, 2))
        self.register_buffer("count", ramp(torch.int64, 1))


def saved(obj, **kw):
    b = io.BytesIO()
    torch.save(obj, b, **kw)
    return b.getvalue()


def golden():
    old = {"_use_new_zipfile_serialization": False}
    nested = {"epoch": 3, "lr": 1e-3, "state_dict": {"module." + k: v for k, v in list(state().items())[:3]},
              "optimizer": {"state": {0: {"step": torch.ones(2)}}, "param_groups": [{"params": [0]}]}}
    files = {"torch.pth": saved(state()), "torch-old.pth": saved(state(), **old), "torch-nested.pth": saved(nested),
             "torch-nested-old.pth": saved(nested, **old)}
    script = io.BytesIO()
    torch.jit.save(torch.jit.script(Net()), script)
    files["torch-script.pth"] = script.getvalue()
    for name, data in files.items():
        (GOLDEN / name).write_bytes(data)
    return files


# --- broken ones ---

class Named:
    """Pickles as a reference to a class of another module, which the reader only names."""
    def __init__(self, module, name):
        self.module, self.name = module, name


def by_hand(obj, elements=6, kind="FloatStorage"):
    """A pickle of obj in which ("T", shape, strides, offset) are tensors over one storage."""
    out = [b"\x80\x02"]

    def put(v):
        if isinstance(v, Named):
            out.append(b"c%s\n%s\n" % (v.module.encode(), v.name.encode()))
        elif isinstance(v, tuple) and v and v[0] == "T":
            out.append(b"ctorch._utils\n_rebuild_tensor_v2\n(")
            put(("storage", Named("torch", kind), "0", "cpu", elements))
            out.append(b"Q")
            for part in (v[3], v[1], v[2], False, {}):
                put(part)
            out.append(b"tR")
        elif isinstance(v, tuple):
            out.append(b"(")
            for x in v:
                put(x)
            out.append(b"t")
        elif isinstance(v, dict):
            out.append(b"}(")
            for k, x in v.items():
                put(k)
                put(x)
            out.append(b"u")
        elif isinstance(v, bytes):
            out.append(v)
        elif isinstance(v, str):
            out.append(b"X" + struct.pack("<I", len(v.encode())) + v.encode())
        elif isinstance(v, bool):
            out.append(b"\x88" if v else b"\x89")
        elif -2**31 <= v < 2**31:
            out.append(b"J" + struct.pack("<i", v))
        else:
            out.append(b"\x8a\x08" + struct.pack("<q", v))

    put(obj)
    return b"".join(out) + b"."


def archive(data_pkl, storage=bytes(24), method=zipfile.ZIP_STORED, extra=()):
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w", method) as z:
        entries = [("a/data.pkl", data_pkl), ("a/data/0", storage), *extra]
        for name, data in entries:
            if data is not None:
                z.writestr(zipfile.ZipInfo(name), data, method)
    return b.getvalue()


def tensor(shape=(2, 3), strides=(3, 1), offset=0, name="w", **kw):
    return archive(by_hand({name: ("T", shape, strides, offset)}, **kw))


def directory(data, at, value):
    """data with the first directory entry's field at `at` overwritten."""
    i = data.index(b"PK\1\2")
    return data[:i + at] + value + data[i + at + len(value):]


def cases(files):
    ok, old = tensor(), files["torch-nested-old.pth"]
    end = ok.rindex(b"PK\5\6")
    deep = {"w": 1}
    for _ in range(40):
        deep = {"k": deep}
    loop = b"\x80\x02}q\0X\1\0\0\0kh\0s."  # a dict that holds itself
    bomb = b"\x80\x02}q\0" + b"".join(b"}q%c(X\1\0\0\0ah%cX\1\0\0\0bh%cu" % (i + 1, i, i) for i in range(30)) + b"."
    return {
        "ok": (ok, "ok"),
        "ok-protocol-4": (archive(b"\x80\x04\x95" + bytes(8) + by_hand({"w": ("T", (6,), (1,), 0)})[2:]), "ok"),
        "ok-old": (old, "ok"),
        "bad-cut": (ok[:-10], "a ZIP archive without its end"),
        "bad-directory-outside": (ok[:end + 16] + struct.pack("<I", 2**31) + ok[end + 20:], "the directory is"),
        "bad-directory-count": (ok[:end + 10] + struct.pack("<H", 999) + ok[end + 12:], "999 entries in a directory"),
        "bad-directory-broken": (ok.replace(b"PK\1\2", b"PK\1\3", 1), "directory entry 0 is broken"),
        "bad-entry-outside": (directory(ok, 42, struct.pack("<I", 2**30)), "no header at 1073741824"),
        "bad-entry-size": (directory(ok, 20, struct.pack("<II", 2**30, 2**30)), "1073741824 bytes at"),
        "bad-zip64-short": (directory(ok, 20, struct.pack("<II", 2**32 - 1, 2**32 - 1)), "4294967295 bytes at"),
        "bad-deflated": (archive(by_hand({"w": ("T", (6,), (1,), 0)}), method=zipfile.ZIP_DEFLATED), "compressed"),
        "bad-no-pickle": (archive(None), "without a data.pkl"),
        "bad-no-storage": (archive(by_hand({"w": ("T", (6,), (1,), 0)}), storage=None), "no entry 'a/data/0'"),
        "bad-storage-short": (archive(by_hand({"w": ("T", (6,), (1,), 0)}), bytes(20)),
                              "its storage has 6 elements, the file 20 bytes"),
        "bad-big-endian": (archive(by_hand({}), extra=[("a/byteorder", b"big")]), "a big-endian checkpoint"),
        "bad-empty": (archive(by_hand({})), "holds no dict of tensors"),
        "bad-list": (archive(b"\x80\x02]."), "holds no dict of tensors"),
        "bad-type": (tensor(kind="ComplexFloatStorage"), "storage 'torch ComplexFloatStorage' is not known"),
        "bad-shape": (tensor((2, 4), (4, 1)), "reach beyond element 6"),
        "bad-shape-negative": (tensor((-2, 3)), "shape[0] or its stride is no size"),
        "bad-shape-huge": (tensor((2**40, 2**40), (1, 1)), "too large to count"),
        "bad-shape-six": (tensor((1,) * 6, (1,) * 6), "6 dimensions, at most 5"),
        "bad-strides-fewer": (tensor((2, 3), (3,)), "not two tuples of one length"),
        "bad-strides-huge": (tensor((2, 3), (2**62, 2**62)), "reach beyond element 6"),
        "bad-strides-zero": (tensor((2**20,), (0,)), "4194304 bytes spread over a storage of 24"),
        "bad-offset": (tensor(offset=2**62), "reach beyond element 6"),
        "bad-offset-negative": (tensor(offset=-1), "no storage that is understood"),
        "bad-name-nul": (tensor(name="a\0b"), "is empty, has a NUL"),
        "bad-sparse": (archive(b"\x80\x02}(X\1\0\0\0wctorch._utils\n_rebuild_sparse_tensor\n)Ru."),
                       "made by torch._utils _rebuild_sparse_tensor, which is not read"),
        "bad-deep": (archive(by_hand(deep)), "nested deeper than 24"),
        "bad-loop": (archive(loop), "nested deeper than 24"),
        "bad-bomb": (archive(bomb), "nested deeper than 24"),
        "bad-code-is-only-named": (archive(b"\x80\x02}X\1\0\0\0wcos\nsystem\nX\4\0\0\0true\x85Rs."),
                                   "holds no dict of tensors"),
        "bad-opcode": (archive(b"\x80\x02I1\n."), "opcode 0x49 is not read"),
        "bad-pickle-cut": (archive(by_hand({"w": ("T", (6,), (1,), 0)})[:-1]), "bytes without an end"),
        "bad-pickle-empty": (archive(b"."), "the stack is empty"),
        "bad-pickle-memo": (archive(b"\x80\x02h\5."), "a memo number that was never given"),
        "bad-pickle-text": (archive(b"\x80\x02X\xff\xff\xff\xffa."), "needs 4294967295 bytes"),
        "bad-old-cut": (old[:-10], "elements of"),
        "bad-old-magic-only": (old[:15], "pickle: 0 bytes without an end"),
    }


def ct2():
    def string(s):
        return struct.pack("<H", len(s) + 1) + s.encode() + b"\0"

    def t(name, dims, kind, data, size=None):
        return string(name) + struct.pack(f"<B{len(dims)}IBI", len(dims), *dims, kind,
                                          len(data) if size is None else size) + data

    def f(tensors, aliases=(), version=6, n=None, n_alias=None, tail=b""):
        return struct.pack("<I", version) + string("WhisperSpec") + struct.pack(
            "<II", 3, len(tensors) if n is None else n) + b"".join(tensors) + struct.pack(
            "<I", len(aliases) if n_alias is None else n_alias) + b"".join(
            string(a) + string(b) for a, b in aliases) + tail

    a = t("a", [2, 3], 0, bytes(24))
    return {
        "ok": (f([a, t("b", [2], 4, bytes(4)), t("c", [], 1, b"\1")], [("d", "a")]), "ok"),
        "bad-version": (f([a], version=7), "neither safetensors nor GGUF nor another weight file"),
        "bad-count": (f([a], n=2**31), "the header says 2147483648 tensors"),
        "bad-type": (f([t("a", [2], 9, bytes(8))]), "no type has the number 9"),
        "bad-size": (f([t("a", [2, 3], 0, bytes(20))]), "tensor 'a': 20 bytes, type and shape need 24"),
        "bad-cut": (f([t("a", [2, 3], 0, bytes(8), 24)])[:-4], "a: needs 24 bytes"),
        "bad-dims": (f([t("a", [1] * 6, 0, bytes(4))]), "6 dimensions, at most 5"),
        "bad-name": (f([t("", [1], 0, bytes(4))]), "a name that is empty"),
        "bad-alias": (f([a], [("b", "z")]), "alias 'b' of 'z': not in the file"),
        "bad-alias-count": (f([a], n_alias=2**30), "the file says 1073741824 aliases"),
        "bad-twice": (f([a, a]), "tensor 'a' is there twice"),
        "bad-trailing": (f([a], tail=b"x"), "1 bytes after the last alias"),
    }


def write(folder, ext, table):
    out = ROOT / "cases" / folder
    out.mkdir(parents=True, exist_ok=True)
    for old in out.iterdir():
        old.unlink()
    for name, (data, _) in table.items():
        (out / (name + ext)).write_bytes(data)
    (out / "expected.txt").write_text("".join(sorted(f"{n}{ext}: {says}\n" for n, (_, says) in table.items())))


if __name__ == "__main__":
    made = golden()
    write("torch", ".pth", cases(made))
    write("ctranslate2", ".bin", ct2())
