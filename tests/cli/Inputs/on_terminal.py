"""on_terminal.py COMMAND...: runs it with stderr on a pseudo-terminal of its own; prints what came there, escapes spelled
out, and the exit code. Stdout is dropped."""
import os
import pty
import subprocess
import sys

ours, theirs = pty.openpty()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=theirs)
os.close(theirs)
text = b""
while True:
    try:
        piece = os.read(ours, 4096)
    except OSError:  # the other end is closed
        break
    if not piece:
        break
    text += piece
print("terminal:", ascii(text.decode()))
print("exit code", process.wait())
