# What models/mini.gguf says of its answers and of Kermany's pictures comes true on the held-out records: on the whole it is not
# more than 5 points too sure or too modest, and not further off than such a small set may be (curves: zoo/curve.h).
set -eu
[ -d "${FABRICA_SHARED:-none}/data/open" ] || { echo "no shared data"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$FABRICA" data val --data "$FABRICA_SHARED/data/open" -o "$work" --quiet >/dev/null
"$FABRICA" eval vqa --model models/mini.gguf --data "$work/slake.jsonl" --limit 600 --brief --predictions "$work/said" --quiet >/dev/null
"$FABRICA" eval calibration --answers "$work/said" --json --quiet >"$work/answers.json"
"$FABRICA" eval calibration --model models/mini.gguf --data "$work/kermany.jsonl" --json --quiet >"$work/classes.json"

number() { sed -n "s/^ *\"$2\": *\(-\{0,1\}[0-9][0-9.e-]*\),\{0,1\}\$/\1/p" "$work/$1.json" | head -n 1; }
for what in answers classes; do
    too_sure=$(number $what overconfidence) chance=$(number $what at_least)
    awk -v o="$too_sure" -v c="$chance" 'BEGIN { exit !(o != "" && c != "" && o < 0.05 && o > -0.05 && c > 0.001) }' ||
        { echo "$what: too sure by $too_sure, an error as large by chance in $chance of draws"; exit 1; }
done
