# What an image and a weight file are, found by their bytes; a patient's name only when asked for; one sentence for what
# is broken.
cp "$SRC/tests/cases/dicom/ok-ct.dcm" picture.png
"$FABRICA" inspect picture.png
"$FABRICA" inspect "$SRC/tests/cases/png/ok-grey16.png" --json
"$FABRICA" inspect "$SRC/tests/cases/dicom/ok-frames.dcm" --header --json | grep -E '"(rows|cols|frames|sha1)"'
for bad in dicom/bad-rows-zero.dcm png/bad-size-60000.png jpeg/bad-cut.jpg gguf/expected.txt; do
    "$FABRICA" inspect "$SRC/tests/cases/$bad" 2>said
    echo "exit $?"
    sed "s|$SRC/||" said
done
"$FABRICA" inspect . 2>&1
"$FABRICA" inspect nothing.dcm 2>&1
echo "exit $?"
