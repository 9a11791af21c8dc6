# SPDX-License-Identifier: BSD-2-Clause
"""Every memory_order_relaxed of mm/ and hv/ has its argument: docs/races.md names the function, how often, and why."""

import re
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
CHAPTER = TOP / "docs" / "races.md"
ROW = re.compile(r"^\| `((?:mm|hv)/[\w/]+\.[ch]):(\w+)` \| (\d+) \| (.+) \|$", re.MULTILINE)


def functions(text):
    """(start, end, name) of each function: in this code it begins in the first column and ends with a `}` there."""
    found = []
    for match in re.finditer(r"^\{", text, re.MULTILINE):
        head = text[:match.start()].rstrip()
        start = max(head.rfind(end) for end in ("\n\n", "*/\n", "}\n", ";\n", "#endif\n"))
        signature = re.sub(r"__attribute__\(\(.*?\)\)\)?", "", head[start:], flags=re.DOTALL)
        named = re.search(r"\b(\w+)\(", signature)
        end = text.find("\n}", match.start())
        if named:
            found.append((match.start(), end, named[1]))
    return found


def relaxed_in(path):
    """{function: how often}"""
    text = path.read_text(encoding="utf-8")
    count = {}
    places = functions(text)
    for match in re.finditer(r"\bmemory_order_relaxed\b", text):
        names = [name for start, end, name in places if start <= match.start() <= end]
        assert names, f"{path}: a relaxed operation outside of any function"
        count[names[-1]] = count.get(names[-1], 0) + 1
    return count


def in_the_code():
    return {(str(path.relative_to(TOP)), name): count
            for room in ("mm", "hv") for path in sorted((TOP / room).rglob("*.[ch]"))
            for name, count in relaxed_in(path).items()}


def in_the_chapter():
    return {(path, name): int(count) for path, name, count, _ in ROW.findall(CHAPTER.read_text(encoding="utf-8"))}


def test_each_relaxed_operation_has_its_argument():
    code, chapter = in_the_code(), in_the_chapter()
    missing = [f"{path}:{name} has {count}" for (path, name), count in code.items() if (path, name) not in chapter]
    assert not missing, f"docs/races.md does not say why these may be relaxed: {missing}"
    changed = [f"{path}:{name} has {code[path, name]}, {count} are argued for"
               for (path, name), count in chapter.items() if code.get((path, name), 0) != count]
    assert not changed, f"docs/races.md argues for what is not there: {changed}"


def test_the_list_is_read(tmp_path):
    """The check can fail: an operation more is seen, in a function of any shape."""
    code = tmp_path / "a.c"
    code.write_text("/* A file. */\n\nstatic inline int\nlong_one(int a,\n\t int b) REQUIRES(x)\n{\n"
                    "\tf(memory_order_relaxed);\n}\n\n"
                    "__attribute__((noinline)) void two(void)\n{\n\tg(memory_order_relaxed, memory_order_relaxed);\n"
                    "}\n")
    assert relaxed_in(code) == {"long_one": 1, "two": 2}
