# What reports say, in two languages; then what cannot be read, one sentence each.
try() { "$FABRICA" "$@"; echo "exit $?" >&2; }
"$FABRICA" findings 'Small left pleural effusion without pneumothorax. Pneumonia at the right base cannot be excluded.'
"$FABRICA" findings '检查目的：除外气胸。所见：右肺上叶见结节，双侧胸腔未见积液，心影不大。'
echo 'No acute cardiopulmonary process.' | "$FABRICA" findings --file - --json
"$FABRICA" findings 'The patient is well.'
"$FABRICA" findings --check "$SRC/tests/golden/findings/held_out.tsv" | head -n 4 | cut -c 1-30 | grep -c F1
printf 'en\tClear lungs.\t+lung_opacity\n' >wrong.tsv
"$FABRICA" findings --check wrong.tsv --errors | head -n 7

try findings
try findings x --file y
try findings x --errors
try findings --file absent.txt
printf 'effusion \264\363\n' >gb.txt
try findings --file gb.txt
try findings --check gb.txt
