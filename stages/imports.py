"""Which of the project's source files a program imports, in the end: read off the files themselves.

Nothing is imported for it. Counted are imports at the top and inside of functions, and the packages
on the way; not what stands under ``if TYPE_CHECKING``, but for a name that another file imports
from a package which offers it lazily (PEP 562) and says there where it is from.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path


class Sources:
    """Modules that lie below some folders; all others (torch, the standard library) are not seen.

    ``roots``: folders that Python imports from, the first that has a module being the one used.
    ``homes``: packages that lie elsewhere, each with the folder it is in.
    """

    def __init__(self, roots: Sequence[Path], homes: Mapping[str, Path] | None = None) -> None:
        self.roots, self.homes = tuple(roots), homes or {}
        self._modules: dict[str, Module | None] = {}

    def closure(self, *names: str) -> set[Path]:
        """Files of the modules ``names`` and of all that they import, and so on."""
        found: dict[str, Module] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found and (module := self.module(name)):
                found[name] = module
                waiting += [*_packages(name), *self._imported(module)]
        return {module.path for module in found.values()}

    def module(self, name: str) -> Module | None:
        """The module of that name; None if it is not below the roots."""
        if name not in self._modules:
            place = Path(*name.split("."))
            home = self.homes.get(place.parts[0]) if place.parts else None
            roots = self.roots if home is None else (home,)
            tried = (r / p for r in roots for p in (place / "__init__.py", f"{place}.py"))
            path = next((path for path in tried if path.is_file()), None)
            self._modules[name] = Module(name, path) if path else None
        return self._modules[name]

    def _imported(self, module: Module) -> Iterator[str]:
        for name, parts in module.imports:
            yield name
            for part in parts:
                yield f"{name}.{part}"  # if it is a module
                yield from package.offered(part) if (package := self.module(name)) else ()


class Module:
    """One source file."""

    def __init__(self, name: str, path: Path) -> None:
        self.name, self.path = name, path

    @cached_property
    def imports(self) -> list[tuple[str, list[str]]]:
        """Modules imported when it runs, each with the names taken from it."""
        return [one for node in _running(self._tree) for one in self._of(node)]

    @cached_property
    def offers(self) -> dict[str, str]:
        """Where names are from that stand under ``if TYPE_CHECKING``."""
        guarded = [node for node in ast.walk(self._tree) if _for_types(node)]
        nodes = [node for guard in guarded for node in ast.walk(guard)]
        return {part: name for node in nodes for name, parts in self._of(node) for part in parts}

    def offered(self, name: str) -> list[str]:
        """The module that ``name``, or for ``*`` each name, is from."""
        return [home for part, home in self.offers.items() if name in (part, "*")]

    @cached_property
    def _tree(self) -> ast.Module:
        return _parsed(self.path, self.path.stat().st_mtime_ns)

    def _of(self, node: ast.AST) -> Iterable[tuple[str, list[str]]]:
        if isinstance(node, ast.Import):
            return [(alias.name, []) for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            return [(self._absolute(node), [alias.name for alias in node.names])]
        return []

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        here = (
            self.name.split(".") if self.path.name == "__init__.py" else self.name.split(".")[:-1]
        )
        return ".".join([*here[: len(here) - node.level + 1], *filter(None, [node.module])])


@cache
def _parsed(path: Path, _: int) -> ast.Module:
    return ast.parse(path.read_bytes())


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those for type checkers alone."""
    yield node
    children = node.orelse if isinstance(node, ast.If) and _for_types(node) else None
    for child in ast.iter_child_nodes(node) if children is None else children:
        yield from _running(child)


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _packages(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:i]) for i in range(1, len(parts))]
