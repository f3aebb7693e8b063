#!/usr/bin/env python3
"""Golden weight files (pip install numpy safetensors gguf; written with safetensors 0.8, gguf 0.19).

    tools/golden/formats.py           writes tests/golden/formats/ref.safetensors, ref.gguf and shards/ by the references
    tools/golden/formats.py --check   reads ours.safetensors and ours.gguf beside them, which tests/test_format.c compares
                                      with what our writers give, and checks every value
"""
import json
import pathlib
import sys

import gguf
import numpy as np
from safetensors import numpy as st

HERE = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "formats"


def ramp(dtype, *shape):
    return (np.arange(int(np.prod(shape))) * 0.5 - 1).reshape(shape).astype(dtype)


TENSORS = {"a.f32": ramp("f4", 2, 3), "b.f16": ramp("f2", 4), "c.f64": ramp("f8", 2, 1, 2), "d.i64": ramp("i8", 3),
           "e.i32": ramp("i4", 2, 2), "f.i16": ramp("i2", 5), "g.i8": ramp("i1", 3), "h.scalar": ramp("f4")[()],
           "j.five": ramp("f4", 1, 2, 1, 2, 2)}


def write_safetensors():
    extra = {"u.u8": ramp("u1", 5) * 0 + 7, "v.bool": np.array([True, False, True]), "w.empty": ramp("f4", 0, 4)}
    tensors = {k: np.asarray(v) for k, v in {**TENSORS, **extra}.items()}
    st.save_file(tensors, HERE / "ref.safetensors", metadata={"format": "pt", "名": "肺"})
    shards = HERE / "shards"
    shards.mkdir(exist_ok=True)
    st.save_file({"x": ramp("f4", 2)}, shards / "m-1.safetensors")
    st.save_file({"y": ramp("f4", 3), "z": ramp("f4", 1)}, shards / "m-2.safetensors")
    index = {"metadata": {"total_size": 24}, "weight_map": {"x": "m-1.safetensors", "y": "m-2.safetensors",
                                                            "z": "m-2.safetensors"}}
    (shards / "model.safetensors.index.json").write_text(json.dumps(index))


def write_gguf():
    w = gguf.GGUFWriter(HERE / "ref.gguf", "test")
    for kind, value in (("uint8", 200), ("int8", -3), ("uint16", 60000), ("int16", -300), ("uint32", 4000000000),
                        ("int32", -70000), ("uint64", 1 << 40), ("int64", -(1 << 40)), ("float32", 0.25),
                        ("float64", 1e300), ("bool", True), ("string", "肺 lung")):
        getattr(w, "add_" + kind)("test." + kind, value)
    w.add_array("test.strings", ["a", "", "结节"])
    w.add_array("test.ints", [1, -2, 3])
    w.add_array("test.floats", [0.5, -1.5])
    w.add_array("test.nested", [[1, 2], [3]])
    for name, t in TENSORS.items():
        if t.ndim <= 4 and name != "h.scalar":
            w.add_tensor(name, np.asarray(t))
    q8 = gguf.quants.quantize(ramp("f4", 2, 64), gguf.GGMLQuantizationType.Q8_0)
    w.add_tensor("q.q8_0", q8, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    w.add_tensor("r.q6_k", np.zeros((2, 210), np.uint8), raw_dtype=gguf.GGMLQuantizationType.Q6_K)
    bf = gguf.quants.quantize(ramp("f4", 2, 3), gguf.GGMLQuantizationType.BF16)
    w.add_tensor("s.bf16", bf, raw_dtype=gguf.GGMLQuantizationType.BF16)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def check():
    ours = st.load_file(HERE / "ours.safetensors")
    assert set(ours) == {"a.f32", "b.f16", "d.i64", "h.scalar", "w.empty"}, set(ours)
    for name in ("a.f32", "b.f16", "d.i64", "h.scalar"):
        assert ours[name].dtype == TENSORS[name].dtype and np.array_equal(ours[name], TENSORS[name]), name
    assert ours["w.empty"].shape == (0, 4)

    r = gguf.GGUFReader(HERE / "ours.gguf")
    keys = {k: f.contents() for k, f in r.fields.items() if not k.startswith("GGUF.")}
    assert keys == {"general.architecture": "test", "t.u32": 4000000000, "t.i32": -5, "t.u64": 1 << 40, "t.f32": 0.25,
                    "t.bool": True, "t.str": "肺", "t.strs": ["a", "", "结节"], "t.i32s": [1, -2], "t.f32s": [0.5]}, keys
    tensors = {t.name: t for t in r.tensors}
    assert set(tensors) == {"a.f32", "b.f16", "q.q8_0"}
    for name in ("a.f32", "b.f16"):
        assert np.array_equal(tensors[name].data, TENSORS[name]), name
    q8 = gguf.quants.quantize(ramp("f4", 2, 64), gguf.GGMLQuantizationType.Q8_0)
    assert np.array_equal(tensors["q.q8_0"].data, q8) and list(tensors["q.q8_0"].shape) == [64, 2]
    print("ours.safetensors and ours.gguf are as the references read them")


if sys.argv[1:] == ["--check"]:
    check()
else:
    HERE.mkdir(parents=True, exist_ok=True)
    write_safetensors()
    write_gguf()
