# A conversation about a picture: what is seen changes what is said; a missing file and a file that is no picture are one
# sentence each, and the conversation goes on about the picture before.
tiny=$SRC/tests/golden/llava
pictures=$SRC/tests/cases/png
mkdir llava
cp "$tiny/config.json" "$tiny/model.safetensors" llava
printf '{"model":{"type":"BPE","merges":[],"unk_token":" ","vocab":{" ":26' >llava/tokenizer.json
i=0
for letter in a b c d e f g h i j k l m n o p q r s t u v w x y z; do
    printf ',"%s":%d' "$letter" "$i"
    i=$((i + 1))
done >>llava/tokenizer.json
echo '}}}' >>llava/tokenizer.json
echo "a text" >text.png
printf '%s\n' "what is it" "/image gone.png" "/image text.png" /image /reset "what is it" \
    "/image $pictures/ok-grey16.png" "what is it" /exit "not read" |
    "$FABRICA" chat --model llava --image "$pictures/ok-rgb8.png" --max-tokens 16 --exact --quiet >said 2>errors
echo "exit $?"
cat errors
sed -n '1p' said >one
sed -n '2p' said | cmp -s - one && echo "the same picture, the same answer"
sed -n '3p' said | cmp -s - one || echo "another picture, another answer"
wc -l <said
for words in "--image gone.png" "--image text.png" "--template vicuna"; do
    # shellcheck disable=SC2086 # words
    echo "/image $pictures/ok-rgb8.png" | "$FABRICA" chat --model llava $words --quiet 2>&1
    echo "exit $?"
done
