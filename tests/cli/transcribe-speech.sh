# Whisper base writes down what espeak-ng says in English and in Chinese; skipped without either. espeak-ng's Mandarin is
# at the edge of what Whisper base understands: from characters it reads tones as digits, and pinyin is understood at
# this speed and in this sentence ("we go to Beijing tomorrow"), by CTranslate2 with the same weights as by us.
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
espeak-ng -v cmn-latn-pinyin -s 150 -w zh.wav "wo3 men2 ming2 tian1 qu4 bei3 jing1"
"$FABRICA" transcribe zh.wav --model "$weights" --lang zh --timestamps
# an unlikely sentence is drawn again, hotter, unless the first text is to stand
espeak-ng -v cmn-latn-pinyin -s 140 -w odd.wav "ni3 hao3, qing3 wen4 yi1 yuan4 zai4 na3 li3"
for how in "" --no-fallback; do
    # shellcheck disable=SC2086 # none or one word
    "$FABRICA" transcribe odd.wav --model "$weights" --lang zh --json --quiet $how | grep -c '"temperature": 0.0'
done
"$FABRICA" transcribe "$SRC/tests/cases/audio/ok-silence.wav" --model "$weights" --quiet
"$FABRICA" transcribe en.wav --model "$weights" --lang tlh 2>&1
echo "exit $?"
