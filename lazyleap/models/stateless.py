"""Any ``nn.Module`` as a function of a tree, and the tree that it starts from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, cast

from torch import Tensor, nn

from lazyleap.bilevel import Forward
from lazyleap.errors import InputError, nearest
from lazyleap.models.layout import as_last, channels_last
from lazyleap.trees import Tree

Part = str | Collection[str] | None
"""Names of layers or parameters, one or several; None: all."""


def weights(module: nn.Module, trainable: Part = None) -> dict[str, Tensor]:
    """The module's parameters as a tree, copied; without those of ``requires_grad_(False)``.

    ``trainable``: only those of these layers, ``"head"`` or ``["body.2", "head.bias"]``; give
    :func:`functional` the same.

    Raises:
        InputError: if none is left, or a layer is not there.
    """
    learned = _learned(module, trainable)
    named = module.named_parameters()
    found = {n: channels_last(p.detach()).clone() for n, p in named if n in learned}
    if not found:
        raise InputError("the network has no parameter that requires a gradient: nothing to learn")
    return found


def functional(module: nn.Module, trainable: Part = None) -> Forward:
    """``module`` as a function of its parameters: ``forward(parameters, inputs)``.

    ``inputs`` may be a tuple of several, or a dict of those that the module has names for; images
    ``[n, 1, h, w]`` come with the strides of channels last, which convolutions need. Frozen
    parameters (``requires_grad_(False)``, or not ``trainable``) and buffers stay as the module has
    them. Batch normalisation may have running statistics in ``eval`` mode, where nothing writes to
    them.

    Raises:
        InputError: if a layer would overwrite running statistics or another buffer; from
            ``forward``, also if the tree has another name or shape than the module's parameters,
            or one that is frozen.
    """
    return Stateless(module, trainable)


def _learned(module: nn.Module, trainable: Part) -> set[str]:
    """Names of the parameters that are learned."""
    free = {n for n, p in module.named_parameters() if p.requires_grad}
    if trainable is None:
        return free
    found: set[str] = set()
    for layer in [trainable] if isinstance(trainable, str) else trainable:
        inside = {n for n in free if n == layer or n.startswith(f"{layer.removesuffix('.')}.")}
        if not inside:
            layers = {name for name, _ in module.named_modules() if name}
            raise InputError(
                f"trainable '{layer}': the network has no such layer with parameters that require "
                f"a gradient; {nearest(layer, layers | free)}"
            )
        found |= inside
    return found


class Stateless:
    """What :func:`functional` makes of a module."""

    def __init__(self, module: nn.Module, trainable: Part = None) -> None:
        self._module, self._learned = module, _learned(module, trainable)
        self._parameters = dict(module.named_parameters())
        self._buffers = Buffers(module)
        self._places = _places(module)
        self._layers = [
            (n, m) for n, m in module.named_modules() if getattr(m, "track_running_stats", False)
        ]
        self._check_layers()

    @property
    def names(self) -> Collection[str]:
        """Of the module's parameters."""
        return self._parameters.keys()

    @property
    def stacks(self) -> bool:
        """Whether there is :meth:`side_by_side`: the network says so of itself."""
        return bool(getattr(self._module, "side_by_side", False))

    def __call__(self, parameters: Tree, inputs: Any) -> Tensor:
        """The module at other parameters."""
        self._check(parameters)
        return self._at(parameters, inputs)

    def side_by_side(self, parameters: Tree, inputs: Tensor) -> Tensor:
        """The module at those of many tasks: ``[t, ...]`` and ``[t, n, c, h, w]`` to ``[t, n, o]``.

        See :mod:`lazyleap.models.layers`. A module with a method ``side_by_side`` is asked by that.
        """
        tasks, n = inputs.shape[:2]
        self._check(parameters, stacked=1)
        fixed = {m: p.detach().expand(tasks, *p.shape) for m, p in self._parameters.items()}
        every = {**fixed, **parameters}
        if callable(own := cast(Any, self._module).side_by_side):
            return self._at(every, inputs, own)
        outputs = self._at(every, inputs.transpose(0, 1).flatten(1, 2))
        return outputs.view(n, tasks, -1, *outputs.shape[2:]).transpose(0, 1)

    def _at(
        self, parameters: Tree, inputs: Any, call: Callable[[Any], Any] | None = None
    ) -> Tensor:
        self._check_layers()
        before = self._buffers.versions()
        own = [home[key] for home, key, _ in self._places]
        for home, key, name in self._places:  # torch.func.functional_call does so, ten times slower
            home[key] = parameters.get(name, home[key])
        try:
            outputs = (call or self._call)(as_last(inputs))
        finally:
            for (home, key, _), p in zip(self._places, own, strict=True):
                home[key] = p
        self._buffers.check(before)
        return cast(Tensor, outputs)

    def _call(self, inputs: Any) -> Any:
        if isinstance(inputs, Mapping):
            return self._module(**inputs)
        return self._module(*inputs) if isinstance(inputs, tuple) else self._module(inputs)

    def _check(self, given: Tree, stacked: int = 0) -> None:
        for name in given:
            if name not in self._parameters:
                raise InputError(self._foreign(name))
        for name, p in self._parameters.items():
            if name in given and name not in self._learned:
                raise InputError(
                    f"theta['{name}']: the network has it frozen (requires_grad=False, or not "
                    "among trainable); leave it out of theta, or let it be learned"
                )
            if name not in given and name in self._learned:
                raise InputError(
                    f"theta has no '{name}', a parameter of the network; to leave layers out, give "
                    "weights and functional the same trainable"
                )
            if name in given and given[name].shape[stacked:] != p.shape:
                raise InputError(
                    f"theta['{name}'] has shape {list(given[name].shape)}, the network's is "
                    f"{list(p.shape)}"
                )

    def _foreign(self, name: str) -> str:
        if name in self._buffers:
            return f"theta['{name}'] is a buffer of the network, no parameter: leave it out"
        hint = nearest(name, self._parameters)
        return f"theta['{name}'] is no parameter of the network; {hint}"

    def _check_layers(self) -> None:
        for name, layer in self._layers:
            if layer.training:
                raise InputError(
                    f"layer '{name}' ({type(layer).__name__}) would overwrite its running "
                    "statistics: put it in eval mode, or build it with track_running_stats=False"
                )


def _places(module: nn.Module) -> list[tuple[dict[str, Any], str, str]]:
    """Where the module keeps each parameter, and its name: one, if it is tied to others."""
    names = {id(p): name for name, p in module.named_parameters()}
    return [
        (owner._parameters, key, names[id(p)])
        for owner in module.modules()
        for key, p in owner._parameters.items()
        if p is not None
    ]


class Buffers:
    """A module's buffers, watched for changes, in place or not."""

    def __init__(self, module: nn.Module) -> None:
        self._homes = [
            (f"{prefix}.{key}" if prefix else key, owner, key)
            for prefix, owner in module.named_modules()
            for key, buffer in owner.named_buffers(recurse=False)
            if buffer is not None
        ]

    def __contains__(self, name: str) -> bool:
        return any(name == known for known, _, _ in self._homes)

    def versions(self) -> list[tuple[Tensor, int]]:
        """Each buffer and how often it has been written to."""
        found = (getattr(owner, key) for _, owner, key in self._homes)
        return [(buffer, buffer._version) for buffer in found]

    def check(self, before: Iterable[tuple[Tensor, int]]) -> None:
        """Refuse, by name, a buffer that is not what it was.

        Raises:
            InputError: if there is one.
        """
        now = self.versions()
        for (name, owner, _), (old, then), (new, version) in zip(
            self._homes, before, now, strict=True
        ):
            if new is not old or version != then:
                raise InputError(
                    f"buffer '{name}' ({type(owner).__name__}) is changed by a forward pass: an "
                    "inner step would leave traces in the network; put the layer in eval mode, or "
                    "replace it"
                )
