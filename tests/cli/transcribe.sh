# Sounds that cannot be heard and models that are none: one sentence each, the right exit code, no file left.
try() { "$FABRICA" transcribe "$@"; echo "exit $?" >&2; }
cases=$SRC/tests/cases/audio
cp "$cases/ok.flac" "$cases/bad-rate-zero.wav" "$cases/bad-nan.wav" "$cases/bad-empty.wav" "$cases/bad-text.txt" .
unset FABRICA_SPEECH_MODEL
try bad-rate-zero.wav -o out.txt
try bad-nan.wav
try bad-empty.wav
try bad-text.txt
try - <bad-nan.wav
try gone.wav
try ok.flac
try ok.flac --model gone
mkdir empty other
try ok.flac --model empty
cp "$SRC/tests/golden/llama.safetensors" other/model.safetensors
echo '{}' >other/tokenizer.json
try ok.flac --model other
cp "$SRC/tests/golden/whisper.safetensors" other/model.safetensors
try ok.flac --model other
echo '{"model_type": "whisper", "d_model": 512}' >other/config.json
try ok.flac --model other
echo '{"model_type": "llama"}' >other/config.json
try ok.flac --model other
try ok.flac --srt --json
try ok.flac --beam 17
ls
