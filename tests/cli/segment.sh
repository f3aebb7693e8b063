# Words, terms and figures; then what cannot be done, one sentence each.
try() { "$FABRICA" "$@"; echo "exit $?" >&2; }
"$FABRICA" segment --text '右肺上叶磨玻璃结节，大小约8mm×6mm。'
"$FABRICA" segment --text '未见气胸 No pleural effusion.' --terms
printf '左肺正常。\n心影增大。\n' | "$FABRICA" segment
"$FABRICA" segment --text '结节5mm' --json | grep -E '"(word|kind|known|concept|at)"'
"$FABRICA" segment --gold "$SRC/tests/golden/segment/gold.txt" | sed 's/words:.*/words/'
"$FABRICA" lexicon 胸水 | cut -f 1,2
"$FABRICA" lexicon 'Pleural Effusions' --json | grep -E '"(concept|kind)"'
"$FABRICA" lexicon --kind laterality | cut -f 1 | head -3
"$FABRICA" lexicon --json | grep -c '"both"'

try segment --text a --file b
printf '#fabrica-lexicon 1\nx\tfinding\n' >bad.tsv
try segment --text a --lexicon bad.tsv
: >empty.txt
try segment --gold empty.txt
printf 'a\n\264\363\n' >gb.txt
try segment --file gb.txt
try segment --gold gb.txt
try lexicon zzzz
try lexicon nodule --kind finding
try lexicon --lexicon bad.tsv
