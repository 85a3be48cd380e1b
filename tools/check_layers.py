#!/usr/bin/python3
"""Holds every #include of src/ against layers.txt: check_layers.py SRC LAYERS_FILE"""
import pathlib
import re
import sys


def read_layers(path):
    """Folder -> the folders it may include; and what is wrong with the file itself."""
    allowed, errors = {}, []
    for line in path.read_text().splitlines():
        if ":" not in line or line.startswith("#"):
            continue
        name, names = line.split(":")
        above = set(allowed)
        allowed[name] = above if "*" in names else set(names.split())
        for other in allowed[name] - above:
            errors.append(f"{path}: {name} may not name {other}, which is not above it")
    return allowed, errors


def check_file(path, folder, allowed):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'#include "(\w+)/', line)
        if match and match[1] != folder and match[1] not in allowed[folder]:
            yield f"{path}:{number}: {folder} may not include {match[1]}"


def main():
    src, layers = map(pathlib.Path, sys.argv[1:3])
    allowed, errors = read_layers(layers)
    files = 0
    for path in sorted(src.rglob("*.[hc]*")):
        parts = path.relative_to(src).parts
        if len(parts) > 3:
            errors.append(f"{path}: more than two levels of folders")
        elif parts[0] not in allowed:
            errors.append(f"{path}: the folder {parts[0]} is not in {layers}")
        else:
            errors += check_file(path, parts[0], allowed)
            files += 1
    print("\n".join(errors) or f"layers: {files} files keep to {layers}")
    sys.exit(bool(errors))


main()
