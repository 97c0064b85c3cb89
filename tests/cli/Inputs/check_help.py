"""Every subcommand's --help has exit codes and examples, and every option that --help names is in the completions and
in the manual page: all are made of the same definitions."""
import re
import subprocess


def diptych(*words):
    done = subprocess.run(["diptych", *words], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, (words, done.returncode, done.stderr)
    return done.stdout


def options(page):
    """The names of a help page's options: '  -q,--quiet   text' begins with blanks and a dash."""
    found = set()
    for line in page.splitlines():
        if match := re.match(r"  (-[^ ]+)", line):
            found |= set(match[1].split(","))
    return found


pages = {shell: diptych("completion", shell) for shell in ("bash", "zsh", "fish")}
pages["man"] = diptych("man").replace("\\-", "-")
overview = diptych("--help")
names = re.findall(r"^  (\w+) {3,}", overview[overview.index("Subcommands:"):], re.M)
names = [name for name in names if name != "diptych"]
assert len(names) >= 5 and {"run", "study", "doctor", "completion", "man"} <= set(names), names
count = 0
for name in names:
    page = diptych(name, "--help")
    for heading in ("Exit codes: 0", "Examples:\n  "):
        assert heading in page, f"diptych {name} --help has no {heading!r}"
    examples = page[page.index("Examples:"):]
    assert f"diptych {name}" in examples, f"no example of {name}"
    for option in options(page):
        for where, text in pages.items():
            spelled = {"fish": ("-l " if option.startswith("--") else "-s ") + option.lstrip("-") + " "}.get(where, option)
            assert spelled in text, f"{name} {option} is not in {where}"
        count += 1
assert count > 40, count
print(f"{len(names)} subcommands, {count} options")
