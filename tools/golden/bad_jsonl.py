#!/usr/bin/env python3
"""Writes tests/cases/jsonl: records line by line, each file sound but for one line, and expected.txt."""
import pathlib

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "cases" / "jsonl"
GOOD = b'{"id": 1, "question": "\xe5\xb7\xa6\xe8\x82\xba?", "answer": "yes"}\n'
CASES = {
    "ok": (GOOD * 2, "ok"),
    "ok-blank-lines": (b"\n" + GOOD + b"  \n\r\n" + GOOD + b"\n", "ok"),
    "ok-no-last-newline": (GOOD + GOOD.rstrip(), "ok"),
    "ok-crlf": (GOOD.replace(b"\n", b"\r\n") * 2, "ok"),
    "ok-empty": (b"", "ok"),
    "bad-cut": (GOOD * 2 + GOOD[:20], "line 3"),
    "bad-two-on-a-line": (GOOD + GOOD.rstrip() + GOOD, "line 2"),
    "bad-not-utf8": (GOOD + b'{"question": "\xb4\xf3"}\n', "line 2"),
    "bad-nul": (GOOD + b'{"question": "\x00"}\n', "line 2"),
    "bad-nan": (GOOD + b'{"score": NaN}\n', "line 2"),
    "bad-duplicate-key": (GOOD * 3 + b'{"a": 1, "a": 2}\n', "line 4"),
    "bad-deep": (GOOD + b"[" * 5000 + b"\n", "line 2"),
    "bad-html": (b"<html><body>404</body></html>\n", "line 1"),
    "bad-utf16": (GOOD.decode().encode("utf-16"), "line 1"),
}
OUT.mkdir(parents=True, exist_ok=True)
for name, (data, _) in CASES.items():
    (OUT / f"{name}.jsonl").write_bytes(data)
(OUT / "expected.txt").write_text("".join(sorted(f"{n}.jsonl: {says}\n" for n, (_, says) in CASES.items())))
