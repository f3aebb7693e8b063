# The list begins as it should, and a command's page is what its row says.
"$FABRICA" --help | head -n 3
"$FABRICA" completion --help
"$FABRICA" help completion | head -n 1
"$FABRICA" help --man | head -n 3
