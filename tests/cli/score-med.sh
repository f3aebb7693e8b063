# The medical variants, their ledger, and Chinese words for ROUGE.
"$FABRICA" score '可见胸腔积液' '未见胸腔积液' --metrics rougeL,rougeLMed
"$FABRICA" score 'no effusion' '未见胸水' --metrics rougeLMed,rougeSMed
"$FABRICA" score '左侧气胸' '右侧气胸' --explain
"$FABRICA" score '左侧气胸' '右侧气胸' --explain --json | grep -E '"(status|concept|why|side)"'
"$FABRICA" score '磨玻璃结节' '磨玻璃影' --metrics rouge1 --segment
printf '{"id": "a", "hyp": "no effusion", "refs": ["effusion", "no pleural effusion"]}\n' >r.jsonl
"$FABRICA" score --data r.jsonl --metrics rougeLMed --per-record
"$FABRICA" score --data r.jsonl --metrics rougeLMed --json | grep -c '"lexicon"'
