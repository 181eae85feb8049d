"""Figures that others printed, with where; our own stand beside them."""

from __future__ import annotations

from dataclasses import dataclass

from stages.reporting.compare import Group


@dataclass(frozen=True)
class Published:
    """A figure in percent that someone else printed.

    ``match`` is our algorithm and estimator that it stands beside, at ``horizon`` (None: any).
    ``checked``: read in the source itself; else it is from memory, and said to be.
    """

    method: str
    figure: float
    citation: str
    match: tuple[str, str]
    horizon: int | None = None
    checked: bool = True

    def fits(self, group: Group) -> bool:
        """Whether one of our settings is the same method."""
        setting = group.first.setting
        return (setting.algorithm, setting.estimator) == self.match and (
            self.horizon in (None, setting.horizon)
        )
