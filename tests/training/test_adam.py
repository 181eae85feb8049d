"""Our Adam beside torch's."""

from __future__ import annotations

import subprocess
import sys

import torch

from lazyleap.training.adam import Adam
from tests.cases import generator


def test_the_numbers_are_torchs():
    draw = generator(0)
    ours = [draw(3, 2), draw(4)]
    theirs = [p.clone().requires_grad_() for p in ours]
    adam, peer = Adam(ours), torch.optim.Adam(theirs)
    for i in range(40):
        grads = [(0.0 if i == 3 else 10.0 ** (i % 5)) * draw(*p.shape) for p in ours]
        lr = 0.1 / (i + 1)
        before = [p.clone() for p in ours]
        moved = adam.moved(ours, grads, lr)
        assert all(map(torch.equal, ours, before))
        ours = moved
        peer.param_groups[0]["lr"] = lr
        for p, g in zip(theirs, grads, strict=True):
            p.grad = g
        peer.step()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b.detach(), rtol=1e-14, atol=0)


def test_training_imports_no_compiler():
    code = (
        "import sys, torch, lazyleap.training.meta_learner, lazyleap.longtail.learned\n"
        "from lazyleap.training.outer import OuterOptimizer, OuterOptions\n"
        "from lazyleap.classifiers import fit\n"
        "one, on = torch.ones(1), torch.tensor(True)\n"
        "theta = OuterOptimizer({'w': one}, OuterOptions('adam', .1, 'constant', None, 9))\n"
        "theta.move(0, {'w': one}, one, on)\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
