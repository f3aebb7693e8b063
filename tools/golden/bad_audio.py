#!/usr/bin/env python3
"""Writes tests/cases/audio/: small sounds, good (ok-*) and broken, each with one defect that its name says. The
sentence that each must give stands beside it in expected.txt, written by hand.

    tools/golden/bad_audio.py       (pip install numpy soundfile)
"""
import os
import struct

import numpy as np
import soundfile

OUT = os.path.join(os.path.dirname(__file__), "..", "..", "tests", "cases", "audio")
os.makedirs(OUT, exist_ok=True)


def tone(rate, channels=1):
    x = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate // 2) / rate)
    return np.stack([x] * channels, 1)


def keep(name, data):
    with open(os.path.join(OUT, name), "wb") as f:
        f.write(data)


def write(name, rate, channels=1, **options):
    soundfile.write(os.path.join(OUT, name), tone(rate, channels), rate, **options)


def wav(data, rate=16000, channels=1, bits=16, code=1, claims=None):
    unit = channels * bits // 8
    head = struct.pack("<HHIIHH", code, channels, rate, rate * unit & 0xffffffff, unit & 0xffff, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + head
    body += b"data" + struct.pack("<I", len(data) if claims is None else claims) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


write("ok-8k.wav", 8000)
write("ok-192k.wav", 192000, subtype="PCM_U8")
write("ok-stereo.wav", 16000, 2)
write("ok-float.wav", 16000, subtype="FLOAT")
write("ok-24bit.wav", 11025, subtype="PCM_24")
write("ok.flac", 44100)
write("ok-vorbis.ogg", 48000, format="OGG", subtype="VORBIS")
write("ok.mp3", 44100, format="MP3")
pcm = (tone(16000)[:1000, 0] * 32767).astype("<i2").tobytes()
keep("ok-claims-1gb.wav", wav(pcm, claims=1000000000))
keep("ok-silence.wav", wav(bytes(3200)))
keep("ok-pipe.wav", wav(pcm, claims=0xffffffff))

keep("bad-empty.wav", b"")
keep("bad-no-sound.wav", wav(b""))
keep("bad-header-cut.wav", wav(pcm)[:20])
keep("bad-rate-zero.wav", wav(pcm, rate=0))
keep("bad-rate-4g.wav", wav(pcm, rate=4000000000))
keep("bad-rate-100.wav", wav(pcm, rate=100))
keep("bad-channels-zero.wav", wav(pcm, channels=0))
keep("bad-channels-200.wav", wav(pcm, channels=200))
keep("bad-text.txt", b"this is not a sound, whatever its name may say\n" * 4)
keep("bad-png.wav", b"\x89PNG\r\n\x1a\n" + bytes(60))
x = np.zeros(300, "<f4")
x[123] = np.nan
keep("bad-nan.wav", wav(x.tobytes(), bits=32, code=3))
x[123] = -np.inf
keep("bad-inf.wav", wav(x.tobytes(), bits=32, code=3))
x[123] = 1e30
keep("bad-huge.wav", wav(x.tobytes(), bits=32, code=3))
keep("bad-coding.wav", wav(pcm, code=0x7777))
with open(os.path.join(OUT, "ok.flac"), "rb") as f:
    flac = f.read()
keep("bad-flac-cut.flac", flac[:60])
with open(os.path.join(OUT, "ok-vorbis.ogg"), "rb") as f:
    keep("bad-ogg-cut.ogg", f.read()[:200])
