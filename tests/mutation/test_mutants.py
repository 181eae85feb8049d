"""The faults themselves: what the operators make of a few lines, and that they can be run."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest

from tests.mutation.mutants import mutants
from tests.mutation.reach import NOTE, Notes, killers


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a < b", {"(a <= b)"}),
        ("(a := b) is None", {"((a := b) is not None)"}),
        ("a in (b or c)", {"(a not in (b or c))", "a in (((b) and (c)))"}),
        ("a if not b else c", {"a if (b) else c"}),
        ("a if b < c else d", {"a if (b <= c) else d", "a if (not (b < c)) else d"}),
        ("a if b == c else d", {"a if (b != c) else d"}),
        ("a * b - c", {"((a) / (b)) - c", "((a * b) + (c))"}),
        ("-a", {"(a)"}),
        ("3", {"(4)", "(2)"}),
        ("True", {"False"}),
        ("a and b", {"((a) or (b))"}),
        ("a[:k]", {"a[k:]"}),
        ("f(a, b=c)", {"f(a)"}),
        ("f(a, b)", {"f(b, a)"}),
        ("max(a, b)", set()),
        ("a.sqrt()", {"(a)"}),
        ("float(a)", set()),
        ('f"{a + 1} of {b}"', set()),
    ],
)
def test_what_becomes_of_an_expression(line, expected):
    found = {m.apply(f"x = {line}").removeprefix("x = ") for m in mutants("f.py", f"x = {line}")}
    assert found == expected


SOURCE = dedent('''
    """Words, 1."""
    from a import b


    def f(x: Annotated[int, 1], y: int = 2) -> float:
        """More words, 2."""
        assert x > 1, x
        if x:
            raise ValueError(f"{x + 1}")
        g(x)
        return x
''')


def test_words_annotations_and_assertions_are_left_alone():
    found = mutants("f.py", SOURCE)
    assert {(m.old, m.new) for m in found} == {
        ("2", "(3)"),
        ("2", "(1)"),
        ("x", "(not (x))"),
        ('raise ValueError(f"{x + 1}")', "pass"),
        ("g(x)", "pass"),
        ("g(x)", "(x)"),
        ("x", "(-(x))"),
    }
    for mutant in found:
        ast.parse(mutant.apply(SOURCE))
        assert mutant.inside == "f"


def test_killers_reach_the_line_and_the_likeliest_come_first():
    def one(seconds, *lines, others=0):
        return {"seconds": seconds, "files": {"x/a.py": list(lines), "b.py": list(range(others))}}

    reach = {
        "tests/test_t1.py::slow": one(3, 5),
        "tests/test_t1.py::quick": one(1, 5, 6),
        "tests/test_t1.py::other": one(0, 9),
        "tests/test_t2.py::broad": one(1, 6, others=600),
        "tests/x/test_a.py::its_own": one(4, 6),
        "tests/test_t3.py::elsewhere": {"seconds": 0, "files": {"b.py": [5]}},
    }
    quick, broad, slow = (
        f"tests/test_{n}" for n in ("t1.py::quick", "t2.py::broad", "t1.py::slow")
    )
    own, other = "tests/x/test_a.py::its_own", "tests/test_t1.py::other"
    assert killers(reach, "lazyleap/x/a.py", (5, 6), 60) == [own, quick, broad, slow]
    assert killers(reach, "lazyleap/x/a.py", (5, 6), 8) == [own, quick, broad]
    at_import = killers(reach, "lazyleap/x/a.py", (1, 1), 60)
    assert at_import == [other, own, quick, broad, slow, "tests/test_t3.py::elsewhere"]
    assert set(killers(reach, "lazyleap/c.py", (1, 1), 60)) == set(reach)


NOTED = """
x = 1
class A:
    def f(self, n):
        "Words."
        if n:
            return 1
        else:
            try:
                g = lambda: 1 / 0
                g()
            except ZeroDivisionError:
                return 2
            finally:
                n = 3
    def h(self):
        def inner():
            return 4
        return inner()
"""


@pytest.mark.parametrize(
    ("call", "result", "lines"),
    [
        ("A().f(1)", 1, {6, 7}),
        ("A().f(0)", 2, {6, 9, 10, 11, 13, 15}),
        ("A().h()", 4, {17, 18, 19}),
        ("A.f.__doc__", "Words.", set()),
        ("x", 1, set()),
    ],
)
def test_the_lines_of_functions_are_noted_and_nothing_else_changes(call, result, lines):
    noted = []
    names = {NOTE: noted.append}
    tree = ast.fix_missing_locations(Notes("a.py").visit(ast.parse(NOTED)))
    exec(compile(tree, "a.py", "exec"), names)
    assert eval(call, names) == result
    assert sorted(noted) == [("a.py", line) for line in sorted(lines)]
