"""Neural fields as a kind of task: a small network an image, started from a learned theta.

``params.yaml`` names it as any user's own kind: ``extensions: examples`` and, in a task's block,
``kind: "neural_fields:kind"``. Inside it is as ``lazyleap/fewshot/`` is: a module a stage.
"""

from neural_fields import kind as kind
