# Runs a command with stderr joined to stdout, then prints its exit code for FileCheck.
"$@" 2>&1
echo "exit code $?"
