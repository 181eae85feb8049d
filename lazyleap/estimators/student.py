"""The student: k first-order steps, and what is kept of them for the teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch

from lazyleap.bilevel import Bilevel, Pull, Task, linearize
from lazyleap.estimators.base import Path
from lazyleap.estimators.secants import LEAST, Felt, Rest, Secants
from lazyleap.estimators.steps import Back, Held, Stand
from lazyleap.trees import Tree, add, copy, filled, subtract, zeros


class Walk(NamedTuple):
    """The student's path, and the pulls onto (phi, theta) of what depends on theta along it.

    ``begin`` is that of ``init``. ``backs``: by step, of each that the teacher takes, and of the
    update alone where that is held, of all steps since the last point listened at. ``points``: the
    student's place at each point listened at, by how many steps lie before it. ``secants``: what
    stands for a step that nobody takes; None for the identity.
    """

    path: Path
    begin: Pull
    backs: Mapping[int, Back]
    points: Mapping[int, Tree]
    secants: Secants | None

    def leap(self, v: Tree, steps: int) -> Tree:
        """A cotangent taken back over so many steps that nobody takes."""
        if self.secants is None or not steps or not v:
            return v
        return self.secants.carry(filled(v, self.path.end), steps)


@torch.no_grad()
def walk(
    problem: Bilevel,
    theta: Tree,
    task: Task,
    steps: Sequence[int] = (),
    listen: Sequence[int] = (),
    *,
    lam: float = 1.0,
    hold: bool = False,
    tapes: int = 0,
    rest: Rest = "identity",
) -> Walk:
    """The student: k steps, no graph but at those that the teacher takes."""
    start, begin = linearize(problem.init, theta)
    start = copy(start)  # theta may be moved in place afterwards
    phi: Tree = start
    fixed, taken = begin.constant, zeros(start) if steps else {}
    backs, heard = dict[int, Back](), dict[int, Tree]()
    held = Held(problem, theta) if hold else None
    felt = Felt(problem, theta, phi, len(task.inner)) if rest in LEAST else None
    for j, batch in enumerate(task.inner):
        if j in steps:
            phi = add(start, subtract(phi, start), lam) if lam < 1 else phi
            here = Stand(problem, phi, theta, batch, fixed)
            moved, backs[j] = here.linearize() if j in steps[-tapes:] else here.postpone()
            fixed, taken = False, add(taken, subtract(moved, phi))
        else:
            grad = problem.inner_grad(phi, theta, batch)
            moved = problem.update(phi, grad, theta)
            if held:
                held.take(phi, grad)
        if felt:
            felt.take(moved)
        phi = moved
        if j + 1 in listen:
            heard[j + 1] = phi
            if held:
                backs[j], held = held.back, Held(problem, theta)
    secants = felt.fit(LEAST[rest]) if felt else None
    return Walk(Path(start, phi, taken or None), begin, backs, heard, secants)
