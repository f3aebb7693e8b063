# Age and sex on the command line: counted by questions, not by prompts, not with --picture-alone; ages that nobody has are refused.
P="$SRC/tests/cases/png/ok-rgb8.png"
by() { "$FABRICA" classify "$P" --force --labels "melanoma, nevus, seborrheic keratosis" "$@" 2>&1; }
by --by questions --json | grep by_patient
by --by questions --age 70 --sex female --json | grep by_patient
by --by questions --age 70 --sex female | tail -n 1
by --by questions --age 70 --picture-alone --json | grep by_patient
by --age 70
by --sex male
by --by questions --age 131
by --by questions --sex other
"$FABRICA" report "$P" --force --age 0.5 --sex female --lang both --overlays 0 --quiet | grep -E '^(Patient|患者)'
"$FABRICA" report "$P" --force --age 61 --picture-alone --lang en --overlays 0 --quiet | grep -c '^Patient'
cat >records.jsonl <<E2
{"image": "$P", "label": "melanoma", "age": 70, "sex": "male"}
{"image": "$P", "label": "nevus", "age": null}
{"image": "$P", "label": "seborrheic_keratosis", "sex": "female"}
E2
"$FABRICA" eval classify --data records.jsonl --json --quiet 2>&1 | grep by_patient
"$FABRICA" eval classify --data records.jsonl --json --quiet --picture-alone 2>&1 | grep by_patient
