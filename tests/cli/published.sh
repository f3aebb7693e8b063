# Published encoders by their folders: what they are, rows for texts and pictures, labels scored, and one sentence for
# what does not fit.
G="$SRC/tests/golden/encoders"
P="$SRC/tests/cases/png/ok-rgb8.png"
"$FABRICA" inspect "$G/siglip"
"$FABRICA" embed --model "$G/bert" "A cough." "no fever was seen" | wc -w
printf 'A cough.\n\nno fever was seen\n' | "$FABRICA" embed --model "$G/bert" - --json | grep -E '"(of|text|dim|model|family)"'
"$FABRICA" embed --model "$G/siglip" --text "A cough." --json --exact | grep -E '"(schema|of|dim|family)"'
"$FABRICA" embed --model "$G/conch" "$P" "$P" --exact | wc -w
"$FABRICA" classify "$P" --model "$G/siglip" --labels "lung, fever" --exact | cut -c1-4,7-11,16-
"$FABRICA" classify "$P" --model "$G/siglip" --labels "lung, fever" --template "a photo of {}" --json --exact |
    grep -E '"(method|independent|label|family)"'
"$FABRICA" embed --model "$G/bert" --pooling cls "A cough." --exact | wc -w
for words in "embed --model $G/bert --text a --text b c" \
    "classify $P --model $G/bert --labels a,b" "classify $P --model $G/siglip --labels a,b --template none" \
    "embed --model $G/siglip --pooling cls $P"; do
    # shellcheck disable=SC2086 # words
    "$FABRICA" $words 2>said
    echo "exit $?"
    sed "s|$SRC/||g" said
done
