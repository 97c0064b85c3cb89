"""The tree as the structure tests see it: its files, their includes, where an include leads."""
import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("DIPTYCH_BUILD", ROOT / "build" / "release"))
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def files():
    """What the repository holds: what git knows or would add, or everything but build and dot folders."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT,
                                 capture_output=True, text=True)
        if listing.returncode == 0:
            return sorted(path for path in map(ROOT.joinpath, set(listing.stdout.splitlines())) if path.is_file())
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in ("build", ".git", ".cache", "__pycache__")]
        found += [Path(folder) / name for name in names if name != ".git"]  # a file in a worktree
    return sorted(found)


def sources(*rooms):
    return [path for path in files()
            if path.suffix in (".h", ".cpp") and str(path.relative_to(ROOT)).startswith(rooms)]


def includes(path):
    """(style, target) of each include: style is '<' or '"'."""
    return INCLUDE.findall(path.read_text(errors="replace"))


def resolve(path, target):
    """The project file an include names, or None for a system or generated header."""
    for base in (path.parent, ROOT, ROOT / "include"):
        candidate = base / target
        if candidate.is_file():
            return candidate.resolve()
    return None


def chainTo(path, forbidden):
    """The chain of project files from path to an include matching forbidden; None if there is none."""
    seen, queue = {path}, [(path, (path,))]
    while queue:
        current, chain = queue.pop(0)
        for _, target in includes(current):
            if forbidden.search(target):
                return " -> ".join([str(step.relative_to(ROOT)) for step in chain] + [target])
            reached = resolve(current, target)
            if reached and reached not in seen:
                seen.add(reached)
                queue.append((reached, chain + (reached,)))
    return None
