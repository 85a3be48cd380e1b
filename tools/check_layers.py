#!/usr/bin/env python3
"""Holds every #include of src/ against src/layers.txt: a folder may use only what its line names.

    tools/check_layers.py        prints file:line of each offence, and fails when there is one

Also: a line may name only folders above it (so there are no circles), each folder of src/ has a
line, and no folder lies deeper than src/a/b/.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src"
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def read_layers(path, offences):
    """{folder: the folders it may include}, itself among them."""
    layers = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r"^([a-z0-9_]+):\s*(.*)$", line)
        if not match:
            continue
        name, wanted = match.group(1), match.group(2).split()
        above = set(layers)
        allowed = above if wanted == ["*"] else set(wanted)
        for folder in sorted(allowed - above):
            offences.append(f"{path.relative_to(ROOT)}:{number}: {name} names {folder}, "
                            "which is not above it")
        layers[name] = allowed | {name}
    return layers


def check_file(path, layers, offences):
    folder = path.relative_to(SRC).parts[0]
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        where = f"{path.relative_to(ROOT)}:{number}"
        target = match.group(1).split("/")[0]
        if not (SRC / match.group(1)).is_file():
            offences.append(f"{where}: there is no src/{match.group(1)}")
        elif target not in layers[folder]:
            offences.append(f"{where}: {folder} may not include {target} (src/layers.txt)")


def check_folders(layers, offences):
    for path in sorted(p for p in SRC.rglob("*") if p.is_dir()):
        parts = path.relative_to(SRC).parts
        if len(parts) == 1 and parts[0] not in layers:
            offences.append(f"src/{parts[0]}: has no line in src/layers.txt")
        if len(parts) > 2:
            offences.append(f"{path.relative_to(ROOT)}: more than two levels under src/")


def main():
    offences = []
    layers = read_layers(SRC / "layers.txt", offences)
    check_folders(layers, offences)
    paths = sorted([*SRC.rglob("*.h"), *SRC.rglob("*.cc")])
    for path in paths:
        parts = path.relative_to(SRC).parts
        if len(parts) > 1 and parts[0] in layers:
            check_file(path, layers, offences)
    print("\n".join(offences), file=sys.stderr, end="\n" if offences else "")
    print(f"layers: {len(paths)} files, {len(offences)} offences")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
