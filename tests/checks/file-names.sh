# A file's name is its only one in the tree, so that a name alone says which file is meant (STYLE: names).
set -eu
twice=$(find src include -name '*.[ch]' | sed 's|.*/||' | sort | uniq -d)
[ -z "$twice" ] || { echo "two files are called: $twice" >&2; exit 1; }
