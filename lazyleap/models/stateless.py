"""Any ``nn.Module`` as a function of a tree, and the tree that it starts from."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, cast

from torch import Tensor, nn

from lazyleap.bilevel import Forward, Tree
from lazyleap.errors import InputError, nearest
from lazyleap.models.layout import channels_last


def weights(module: nn.Module) -> dict[str, Tensor]:
    """The module's parameters as a tree, copied; without those of ``requires_grad_(False)``.

    Raises:
        InputError: if none is left.
    """
    named = module.named_parameters()
    found = {n: channels_last(p.detach()).clone() for n, p in named if p.requires_grad}
    if not found:
        raise InputError("the network has no parameter that requires a gradient: nothing to learn")
    return found


def functional(module: nn.Module) -> Forward:
    """``module`` as a function of its parameters: ``forward(parameters, inputs)``.

    Frozen parameters (``requires_grad_(False)``) and buffers stay as the module has them. Batch
    normalisation may have running statistics in ``eval`` mode, where nothing writes to them.

    Raises:
        InputError: if a layer would overwrite running statistics or another buffer; from
            ``forward``, also if the tree has another name or shape than the module's parameters,
            or one that is frozen.
    """
    return Stateless(module)


class Stateless:
    """What :func:`functional` makes of a module."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
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

    def __call__(self, parameters: Tree, inputs: Any) -> Tensor:
        """The module at other parameters."""
        self._check(parameters)
        self._check_layers()
        before = self._buffers.versions()
        own = [home[key] for home, key, _ in self._places]
        for home, key, name in self._places:  # torch.func.functional_call does so, ten times slower
            home[key] = parameters.get(name, home[key])
        try:
            outputs = self._module(inputs)
        finally:
            for (home, key, _), p in zip(self._places, own, strict=True):
                home[key] = p
        self._buffers.check(before)
        return cast(Tensor, outputs)

    def _check(self, given: Tree) -> None:
        for name in given:
            if name not in self._parameters:
                raise InputError(self._foreign(name))
        for name, p in self._parameters.items():
            if name in given and not p.requires_grad:
                raise InputError(
                    f"theta['{name}']: the network has it frozen (requires_grad=False); leave it "
                    "out of theta, or let it require a gradient"
                )
            if name not in given and p.requires_grad:
                raise InputError(f"theta has no '{name}', a parameter of the network")
            if name in given and given[name].shape != p.shape:
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
