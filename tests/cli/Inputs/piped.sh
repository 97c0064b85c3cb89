# Runs a command whose output file is the named pipe $1; what came through goes to stdout. The pipe has to stay one.
pipe=$1; shift
rm -f "$pipe"; mkfifo "$pipe"
timeout 60 cat "$pipe" & reader=$!
"$@" || echo "exit code $?"
wait $reader
[ -p "$pipe" ] && echo "still a pipe"
