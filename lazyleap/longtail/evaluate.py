"""Errors of a setting by class size."""

from __future__ import annotations

import numpy as np
import torch

from lazyleap.datasets.pixels import Pixels
from lazyleap.datasets.store import Prepared
from lazyleap.kind import CURVE, Verdict
from lazyleap.longtail.classifier import answer
from lazyleap.longtail.measures import measure
from lazyleap.longtail.network import network, tree
from lazyleap.longtail.options import task
from lazyleap.longtail.profile import LongTail
from lazyleap.setting import Setting
from lazyleap.statistics import cells
from lazyleap.tensorfile import fit
from lazyleap.trees import Tree


def judge(setting: Setting, theta: Tree, data: Prepared, device: torch.device) -> Verdict:
    """Errors over the whole test set; the curve is recall by class, the largest first."""
    images, options = data.split("test"), task(setting).test
    tail = LongTail.load(data.folder / "longtail.npz", len(images.classes))
    model = network(setting, len(images.classes), data.info, running=True).to(device)
    pixels = Pixels(images, data.info["mean"], data.info["std"], device)
    learned, known = tree(theta), model.state_dict()
    fit({n: p for n, p in learned.items() if n in known}, model)
    logits = answer(model, learned, pixels[np.arange(len(images.labels))])
    items, metrics = measure(
        logits.cpu().numpy(), np.array(images.labels), tail.counts, **options.model_dump()
    )
    order = np.argsort(-tail.counts, kind="stable")
    rows = [
        (i, *cells(metrics["recall"][c]), tail.counts[c], images.classes[c])
        for i, c in enumerate(order)
    ]
    about = {
        "classes": list(images.classes),
        "train_images": tail.counts.tolist(),
        "imbalance": task(setting).draw.imbalance,
        "norm": getattr(task(setting).model, "norm", ""),
        "train_digest": tail.digest,
        "test_digest": data.info["digest"],
    }
    return Verdict(metrics | about, [(*CURVE, "train_images", "class"), *rows], items)
