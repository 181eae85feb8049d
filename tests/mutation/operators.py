"""The table of operators: for a node of the syntax tree, what to put in its place."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Protocol

Found = Iterator[tuple[ast.AST, str]]

COMPARE = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.In: "not in", ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is",
}  # fmt: skip
SIGNS = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
    ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not",
}  # fmt: skip
ARITHMETIC = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "*", ast.Mod: "*",
    ast.Pow: "*", ast.BitAnd: "|", ast.BitOr: "&",
}  # fmt: skip
CONVERSIONS = frozenset((  # what takes a value from one form to another, and nothing else
    "int", "float", "str", "bool", "list", "tuple", "dict", "set", "frozenset", "len", "range",
    "enumerate", "zip", "iter", "next", "type", "repr", "isinstance", "super", "cast", "to", "cpu",
    "numpy", "contiguous", "tolist", "item", "double", "long", "items", "keys", "values",
    "read_text", "encode", "decode", "splitlines",
))  # fmt: skip
SYMMETRIC = frozenset((  # of their two arguments, or asked by name alone
    "min", "max", "isinstance", "cast", "torch.equal", "torch.maximum", "functional.mse_loss",
))  # fmt: skip
UNSEEN = ("device", "strict")  # keywords that change nothing on one right machine
NUMBERS = ("Tensor", "float", "int", "Numbers")


class Source(Protocol):
    """What an operator may know of the file around a node."""

    modules: set[str]  # names that were imported
    kinds: list[str]  # annotated results of the functions around it

    def text(self, node: ast.AST) -> str:
        """The source of a node."""
        ...


def compared(node: ast.AST, source: Source) -> Found:
    """One comparison at its edge, or turned round."""
    if not isinstance(node, ast.Compare):
        return
    parts = [_whole(part, source) for part in (node.left, *node.comparators)]
    signs = [
        ast.unparse(ast.Compare(ast.Name("a"), [op], [ast.Name("b")]))[2:-2] for op in node.ops
    ]
    for i, op in enumerate(node.ops):
        other = [*signs[:i], COMPARE[type(op)], *signs[i + 1 :]]
        yield node, _parted(parts, other)


def _whole(node: ast.expr, source: Source) -> str:
    loose = isinstance(node, ast.NamedExpr | ast.BoolOp | ast.IfExp | ast.Compare | ast.Lambda)
    return f"({source.text(node)})" if loose else source.text(node)


def _parted(parts: list[str], signs: list[str]) -> str:
    rest = (f" {sign} {part}" for sign, part in zip(signs, parts[1:], strict=True))
    return "(" + parts[0] + "".join(rest) + ")"


def computed(node: ast.AST, source: Source) -> Found:
    """Another arithmetic operation; a sign left out."""
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        sides = (node.left, node.right)
        if not any(isinstance(s, ast.JoinedStr) or _is(s, str) for s in sides):
            left, right = map(source.text, sides)
            yield node, f"(({left}) {ARITHMETIC[type(node.op)]} ({right}))"
    elif isinstance(node, ast.AugAssign) and type(node.op) in ARITHMETIC:
        sign = ARITHMETIC[type(node.op)]
        yield node, f"{source.text(node.target)} {sign}= {source.text(node.value)}"
    elif isinstance(node, ast.UnaryOp) and not _is(node.operand, int, float):
        yield node, f"({source.text(node.operand)})"


def _is(node: ast.AST, *kinds: type) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in kinds


def counted(node: ast.AST, source: Source) -> Found:
    """A number one more or less; true for false."""
    if _is(node, bool):
        yield node, str(not node.value)
    elif _is(node, int, float):
        yield node, f"({node.value + 1!r})"
        yield node, f"({node.value - 1!r})"


def joined(node: ast.AST, source: Source) -> Found:
    """And for or."""
    if isinstance(node, ast.BoolOp):
        sign = " or " if isinstance(node.op, ast.And) else " and "
        yield node, "(" + sign.join(f"({source.text(v)})" for v in node.values) + ")"


def decided(node: ast.AST, source: Source) -> Found:
    """A condition turned round."""
    tests = [node.test] if isinstance(node, ast.If | ast.IfExp | ast.While) else []
    tests += node.ifs if isinstance(node, ast.comprehension) else []
    for test in tests:
        if source.text(test) == "TYPE_CHECKING":
            continue
        turned = isinstance(test, ast.Compare) and len(test.ops) == 1  # by another operator
        turned = turned and not isinstance(test.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE)
        if not turned and not isinstance(test, ast.UnaryOp):
            yield test, f"(not ({source.text(test)}))"


def dropped(node: ast.AST, source: Source) -> Found:
    """A statement left out: a call, a refusal, what is stored in a place or counted up."""
    call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    stored = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript)
    if call or stored or isinstance(node, ast.AugAssign | ast.Raise | ast.Break | ast.Continue):
        yield node, "pass"


def called(node: ast.AST, source: Source) -> Found:
    """A keyword left out; two arguments swapped; a function left out."""
    if not isinstance(node, ast.Call):
        return
    arguments = [*node.args, *node.keywords]
    for word in node.keywords:
        if word.arg is not None and word.arg not in UNSEEN:
            yield node, _call(source, node, [a for a in arguments if a is not word])
    plain = [a for a in node.args if not isinstance(a, ast.Starred)]
    if len(plain) == len(node.args) >= 2 and source.text(node.func) not in SYMMETRIC:
        yield node, _call(source, node, [arguments[1], arguments[0], *arguments[2:]])
    yield from _unwrapped(node, source)


def _call(source: Source, node: ast.Call, arguments: list[ast.AST]) -> str:
    return f"{source.text(node.func)}({', '.join(map(source.text, arguments))})"


def _unwrapped(node: ast.Call, source: Source) -> Found:
    func = node.func
    name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    if name in CONVERSIONS or name[:1].isupper():
        return
    root = func
    while isinstance(root, ast.Attribute):
        root = root.value
    method = isinstance(func, ast.Attribute) and getattr(root, "id", "") not in source.modules
    alone = len(node.args) == 1 and not node.keywords
    if method and getattr(root, "id", "") != "self":
        yield node, f"({source.text(func.value)})"
    elif alone and not method and not isinstance(node.args[0], ast.Starred | ast.GeneratorExp):
        yield node, f"({source.text(node.args[0])})"


def sliced(node: ast.AST, source: Source) -> Found:
    """The other end of a slice."""
    if isinstance(node, ast.Slice) and not node.step:
        if node.lower is None and node.upper is not None:
            yield node, f"{source.text(node.upper)}:"
        elif node.upper is None and node.lower is not None:
            yield node, f":{source.text(node.lower)}"


def returned(node: ast.AST, source: Source) -> Found:
    """Two results swapped; a truth or a sign turned round."""
    if not isinstance(node, ast.Return) or node.value is None:
        return
    value, kind = node.value, source.kinds[-1]
    text = source.text(value)
    if isinstance(value, ast.Tuple) and len(value.elts) == 2:
        one, two = map(source.text, value.elts)
        yield value, f"({two}, {one})"
    elif kind == "bool":
        yield value, f"(not ({text}))"
    elif kind in NUMBERS and not isinstance(value, ast.Constant):
        yield value, f"(-({text}))"


OPERATORS: dict[str, Callable[[ast.AST, Source], Found]] = {
    "comparison": compared,
    "arithmetic": computed,
    "constant": counted,
    "and/or": joined,
    "condition": decided,
    "statement": dropped,
    "call": called,
    "slice": sliced,
    "result": returned,
}
