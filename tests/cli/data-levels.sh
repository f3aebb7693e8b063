# Each level holds about a fifth of the training records that people wrote; what is guessed falls from level to level;
# the JSONL has a line for every record.
data="$FABRICA_SHARED/data/open"
[ -d "$data" ] || exit 77
"$FABRICA" data levels --data "$data" -o levels.jsonl --quiet >table || exit 1
head -n 1 table
awk 'NR > 1 { n[NR] = $3 + $4; all += n[NR]; lines += $3 + $4 + $5 + $6; if (NR > 2 && $9 > last) print "guessed rises"; last = $9 }
     END { for (i = 2; i <= 6; i++) if (n[i] < 0.17 * all || n[i] > 0.23 * all) print "level " i - 1 " has " n[i]
           print NR - 1 " levels"; print lines >"lines" }' table
[ "$(wc -l <levels.jsonl)" -eq "$(cat lines)" ] && echo "every record has its line"
grep -c '"level":6' levels.jsonl
"$FABRICA" data levels --data nowhere --quiet
echo "exit $?"
