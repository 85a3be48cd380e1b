#!/usr/bin/env python3
"""The style that clang-format cannot hold, checked by machine.

    tools/tidy.py [FILE...]      prints file:line of each offence, and fails when there is one

Functions have at most 70 lines, files 800, lines 100. A mark for later names its issue. Headers
have #pragma once and no `using namespace`. No std::regex: it hangs on hostile input. Without
arguments every file that git knows is looked at.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAX_FUNCTION, MAX_FILE, MAX_LINE = 70, 800, 100
CPP = {".h", ".cc"}
CODE = CPP | {".py", ".sh", ".cmake"}

# Built from parts, so that this file passes.
MARK = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX"]) + r")\b(?!\(#\d+\))")
REGEX = re.compile(r"\bstd::(basic_)?regex\b|#include <regex>")
USING = re.compile(r"^\s*using\s+namespace\b")
# Comments, raw strings, strings and characters: blanked before braces are counted.
INERT = re.compile(r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^(\s]*)\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"'
                   r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])*'", re.S)
TYPE = re.compile(r"\b(class|struct|union|enum|namespace|extern|concept)\b[^()=]*$")


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def opens_function(before, scopes):
    """Whether a brace after the text `before` begins the body of a function."""
    if "function" in scopes or "value" in scopes:
        return False
    return ")" in before and not before.rstrip().endswith(("=", ",", "(", "return"))


def kind_of(before, scopes):
    text = re.sub(r"^\s*(#[^\n]*\n\s*)+", "", before)
    if opens_function(text, scopes):
        return "function"
    return "scope" if TYPE.search(text) else "value"


def cpp_functions(text):
    """(first line, last line) of every function body, with its signature."""
    code = INERT.sub(blank, text)
    scopes, starts, since, line = [], [], 0, 1
    for at, c in enumerate(code):
        if c == "\n":
            line += 1
        elif c == "{":
            before = code[since:at]
            scopes.append(kind_of(before, scopes))
            starts.append(line - before.lstrip().count("\n"))
            since = at + 1
        elif c == "}" and scopes:
            start = starts.pop()
            if scopes.pop() == "function":
                yield start, line
            since = at + 1
        elif c == ";":
            since = at + 1


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno


def long_functions(path, text):
    functions = {".py": python_functions}.get(path.suffix)
    if path.suffix in CPP:
        functions = cpp_functions
    for first, last in functions(text) if functions else ():
        if last - first + 1 > MAX_FUNCTION:
            yield first, f"a function of {last - first + 1} lines; at most {MAX_FUNCTION}"


def bad_lines(path, lines):
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            yield number, f"{len(line)} columns; at most {MAX_LINE}"
        if line != line.rstrip():
            yield number, "white space at the end"
        if "\t" in line and path.suffix in CPP | {".py"}:
            yield number, "a tab"
        if MARK.search(line):
            yield number, "a mark for later without its issue: write TO" + "DO(#12)"
        if path.suffix in CPP and REGEX.search(line):
            yield number, "std::regex hangs on hostile input: use base/regex.h"
        if path.suffix == ".h" and USING.search(line):
            yield number, "using namespace in a header"


def offences_in(path):
    text = path.read_text(errors="replace")
    lines = text.splitlines()
    yield from bad_lines(path, lines)
    yield from long_functions(path, text)
    if len(lines) > MAX_FILE:
        yield len(lines), f"{len(lines)} lines; at most {MAX_FILE}"
    if path.suffix == ".h" and "#pragma once" not in lines:
        yield 1, "a header without #pragma once"
    if text and not text.endswith("\n"):
        yield len(lines), "no line break at the end"


def files_of_git():
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others",
                             "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file() and (path.suffix in CODE or path.name == "CMakeLists.txt"):
            yield path


def main():
    given = [Path(name).resolve() for name in sys.argv[1:]]
    count = 0
    paths = given or sorted(files_of_git())
    for path in paths:
        for line, message in offences_in(path):
            print(f"{path.relative_to(ROOT)}:{line}: {message}", file=sys.stderr)
            count += 1
    print(f"tidy: {len(paths)} files, {count} offences")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
