# Every header of src/ and include/ compiles alone.
set -u
bad=0
for h in $(find src include -name '*.h' | sort); do
    cc -std=c17 -Wall -Wextra -fsyntax-only -Isrc -x c "$h" 2>/tmp/headers.$$ && continue
    bad=1
    head -n 5 /tmp/headers.$$
done
rm -f /tmp/headers.$$
exit $bad
