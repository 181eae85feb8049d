"""Every small fault of a source file that the table of operators knows.

A mutant is one replaced span of the text, so that all else stays where it is. Left alone are
docstrings, annotations, imports, assertions, and the words of error messages: no test should
depend on a wording more than it does.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from tests.mutation.operators import OPERATORS


@dataclass(frozen=True)
class Mutant:
    """A span ``first..last`` (bytes) of ``file`` and what stands there instead.

    ``lines``: of the statement, first and last; ``inside``: the function, or "" for none.
    """

    file: str
    line: int
    lines: tuple[int, int]
    inside: str
    operator: str
    first: int
    last: int
    old: str
    new: str

    @property
    def key(self) -> str:
        """What it is known by while the code around it changes."""
        return f"{self.file} {self.inside}: {self.old} -> {self.new}"

    def apply(self, source: str) -> str:
        """The file with the fault in it."""
        raw = source.encode()
        return (raw[: self.first] + self.new.encode() + raw[self.last :]).decode()


def mutants(file: str, source: str) -> list[Mutant]:
    """All of a file, in order."""
    found = _Walk(file, source)
    found.visit(ast.parse(source))
    return sorted(set(found.mutants), key=lambda m: (m.first, m.last, m.new))


class _Walk(ast.NodeVisitor):
    def __init__(self, file: str, source: str) -> None:
        self.file, self.raw = file, source.encode()
        starts = [0]
        for line in self.raw.split(b"\n"):
            starts.append(starts[-1] + len(line) + 1)
        self.starts, self.mutants = starts, []
        self.inside: list[str] = []
        self.kinds: list[str] = []  # of results
        self.statement: ast.stmt | None = None
        self.modules: set[str] = set()

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            self.modules.update((a.asname or a.name).split(".")[0] for a in node.names)
            return
        if isinstance(node, ast.Assert | ast.JoinedStr | ast.AnnAssign) and not _valued(node):
            return
        if isinstance(node, ast.stmt):
            outer, self.statement = self.statement, node
            self._here(node)
            self._below(node)
            self.statement = outer
        else:
            self._here(node)
            self._below(node)

    def _below(self, node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            self.inside.append(node.name)
            returns = getattr(node, "returns", None)
            self.kinds.append(ast.unparse(returns) if returns else "")
            for child in [*_defaults(node), *_without_docstring(node)]:
                self.visit(child)
            self.inside.pop()
            self.kinds.pop()
        elif isinstance(node, ast.Raise):
            return
        elif isinstance(node, ast.AnnAssign):
            self.visit(node.value)  # type: ignore[arg-type]
        elif isinstance(node, ast.Module):
            for child in _without_docstring(node):
                self.visit(child)
        else:
            for child in ast.iter_child_nodes(node):
                self.visit(child)

    def _here(self, node: ast.AST) -> None:
        for operator, find in OPERATORS.items():
            for target, new in find(node, self):
                self._add(operator, target, new)

    def _add(self, operator: str, node: ast.AST, new: str) -> None:
        first, last = self.span(node)
        old, statement = self.raw[first:last].decode(), self.statement or node
        if old.split() == new.split():
            return
        lines = (statement.lineno, _end(statement))
        name = ".".join(self.inside)
        self.mutants.append(
            Mutant(self.file, node.lineno, lines, name, operator, first, last, old, new)
        )

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Where it is, in bytes."""
        first = self.starts[node.lineno - 1] + node.col_offset
        return first, self.starts[node.end_lineno - 1] + node.end_col_offset

    def text(self, node: ast.AST) -> str:
        """Its source."""
        first, last = self.span(node)
        return self.raw[first:last].decode()


def _valued(node: ast.AST) -> bool:
    return isinstance(node, ast.AnnAssign) and node.value is not None


def _defaults(node: ast.FunctionDef | ast.ClassDef) -> list[ast.expr]:
    if isinstance(node, ast.ClassDef):
        return []
    return [*node.args.defaults, *filter(None, node.args.kw_defaults)]


def _without_docstring(node: ast.AST) -> list[ast.stmt]:
    words = [n for n in node.body if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)]
    return [n for n in node.body if n not in words]


def _end(statement: ast.AST) -> int:
    """The last line of the statement's own, without its body."""
    body = getattr(statement, "body", None)
    if isinstance(body, list):
        return max(statement.lineno, body[0].lineno - 1)
    return statement.end_lineno or statement.lineno
