# Whisper base writes down what espeak-ng says in English; skipped without either. (Its Mandarin voices read tones as
# digits or cannot be understood.)
weights=
for w in "$FABRICA_WEIGHTS" "$SRC/weights" "$SRC/../weights"; do
    [ -n "$w" ] && [ -f "$w/whisper-base/model.bin" ] && weights=$w/whisper-base && break
done
[ -n "$weights" ] || { echo "no weights: tools/get-weights whisper-base"; exit 77; }
command -v espeak-ng >/dev/null || { echo "no espeak-ng"; exit 77; }
espeak-ng -v en-us -s 140 -w en.wav "The patient has had a cough for two weeks."
"$FABRICA" transcribe en.wav --model "$weights" --timestamps
"$FABRICA" transcribe - --model "$weights" --srt --beam 5 -o en.srt <en.wav
cat en.srt
"$FABRICA" transcribe "$SRC/tests/cases/audio/ok-silence.wav" --model "$weights" --quiet
"$FABRICA" transcribe en.wav --model "$weights" --lang tlh 2>&1
echo "exit $?"
