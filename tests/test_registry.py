"""What stands for a word, and how long a user's place may be."""

from __future__ import annotations

import pytest

from lazyleap import registry
from lazyleap.errors import LONGEST, InputError


@pytest.mark.parametrize(
    ("length", "words"),
    [(LONGEST, "there is no module 'nowhere'"), (LONGEST + 1, "is unknown; ")],
)
def test_a_place_is_imported_unless_it_is_too_long(length, words):
    word = "nowhere:".ljust(length, "A")
    with pytest.raises(InputError, match=words):
        registry.find("algorithm", word)
