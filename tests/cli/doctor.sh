# Every check has a name, a status and a detail, and the JSON says the same as the lines.
"$FABRICA" doctor | awk 'NF && !/warnings?$/ { print $1 == "ok" || $1 == "warn" ? $2 : $0 }' >lines
"$FABRICA" doctor --json | sed -n 's/^ *"name": "\(.*\)",$/\1/p' >names
cmp lines names && head -n 4 names
"$FABRICA" doctor --json | sed -n 2p
