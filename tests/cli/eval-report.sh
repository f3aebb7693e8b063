# Reports against references, in sums, record by record, explained; then what cannot be read.
try() { "$FABRICA" "$@"; echo "exit $?" >&2; }
cat >r.jsonl <<'END'
{"id": "a", "hyp": "Small left pleural effusion. No pneumothorax.", "refs": ["Right pleural effusion. Pneumothorax is present. Mild cardiomegaly."]}
{"id": 2, "hyp": "心影增大，双肺清晰。", "refs": ["心影不大，右肺上叶结节。"]}
{"id": 3, "hyp": "No acute disease.", "ref": "Normal chest."}
END
"$FABRICA" eval report --data r.jsonl --metrics rougeL
"$FABRICA" eval report --data r.jsonl --explain
"$FABRICA" eval report --data r.jsonl --per-record
"$FABRICA" eval report --data r.jsonl --json | grep -A 3 '"flips"' | head -n 4
echo '{"id": 4, "hyp": "Possible pneumonia.", "findings": ["pneumonia", {"observation": "edema", "status": "absent"}]}' >f.jsonl
"$FABRICA" eval report --data f.jsonl --explain --per-record
"$FABRICA" eval report --data r.jsonl --html page.html | head -n 1
grep -c '</html>' page.html

try eval report
try eval report --data r.jsonl --metrics rougeLMed
try eval report --data r.jsonl --explain --html x.html
echo '{"id": 5, "hyp": "x", "findings": ["flu"]}' >g.jsonl
try eval report --data g.jsonl
echo '{"id": 6, "hyp": " ", "ref": "The lungs are clear."}' >h.jsonl
"$FABRICA" eval report --data h.jsonl | sed -n 2p
echo '{"id": 7, "hyp": "x", "ref": "y", "refs": ["z"]}' >i.jsonl
try eval report --data i.jsonl
