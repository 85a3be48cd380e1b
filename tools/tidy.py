#!/usr/bin/python3
"""Style that can be counted: lengths of lines, functions and files, and words that may not stand."""
import pathlib
import re
import subprocess
import sys

LINE, FUNCTION, FILE = 100, 70, 800
FORBIDDEN = [
    (re.compile(r"\b(TODO|FIXME|XXX)\b"), "a promise: do it, or file an issue"),
    (re.compile(r"std::regex"), "hangs on hostile input: use base/regex.h"),
]
USING = re.compile(r"^using namespace ")
# A line that opens a function: no keyword of control flow, a parameter list, a brace at its end.
OPENS = re.compile(r"^(\s*)(?!//)(?!.*\b(namespace|class|struct|enum|union)\b[^()]*\{).*\).*\{$")


def functions_of(lines):
    """(first line, length) of each block at namespace or class level that looks like a function."""
    for start, line in enumerate(lines):
        match = OPENS.match(line)
        if not match or re.match(r"\s*(if|for|while|switch|else|do|catch)\b", line):
            continue
        closing = match[1] + "}"
        for end in range(start + 1, len(lines)):
            if lines[end].startswith(closing):
                yield start + 1, end - start + 1
                break


def python_functions_of(lines):
    for start, line in enumerate(lines):
        match = re.match(r"^(\s*)def ", line)
        if not match:
            continue
        end = start + 1
        while end < len(lines) and (not lines[end].strip() or
                                    len(lines[end]) - len(lines[end].lstrip()) > len(match[1])):
            end += 1
        while not lines[end - 1].strip():
            end -= 1
        yield start + 1, end - start


def check(path):
    lines = path.read_text().splitlines()
    if len(lines) > FILE:
        yield f"{path}: {len(lines)} lines, more than {FILE}"
    if path.suffix == ".h" and "#pragma once" not in lines:
        yield f"{path}: #pragma once is missing"
    for number, line in enumerate(lines, 1):
        if len(line) > LINE:
            yield f"{path}:{number}: {len(line)} columns, more than {LINE}"
        if path.suffix == ".py":
            continue
        for pattern, why in FORBIDDEN:
            if pattern.search(line):
                yield f"{path}:{number}: {pattern.search(line)[0]}: {why}"
        if USING.match(line) and path.suffix == ".h":
            yield f"{path}:{number}: using namespace in a header"
    functions = python_functions_of if path.suffix == ".py" else functions_of
    for number, length in functions(lines):
        if length > FUNCTION:
            yield f"{path}:{number}: a function of {length} lines, more than {FUNCTION}"


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    listed = subprocess.run(["git", "ls-files", "src", "tests"], cwd=root, capture_output=True,
                            text=True, check=True).stdout.split()
    paths = [root / name for name in listed if name.endswith((".h", ".cc", ".py"))]
    errors = [error for path in paths if path.exists() for error in check(path)]
    print("\n".join(errors).replace(f"{root}/", "") or f"tidy: {len(paths)} files")
    sys.exit(bool(errors))


main()
