"""Named streams: the same name is the same stream, everything else another one."""

from __future__ import annotations

import torch

from lazyleap.seeding import generator, seed_torch


def first(*address) -> int:
    return int(generator(*address).integers(2**62))


def test_a_stream_is_known_by_seed_and_name_in_order():
    addresses = [(0, "a", 1), (1, "a", 1), (0, "b", 1), (0, "a", 2), (0, 1, "a"), (0, "a"), (0,)]
    assert len({first(*address) for address in addresses}) == len(addresses)
    assert first(0, "a", 1) == first(0, "a", 1)


def test_streams_are_the_ones_that_recorded_results_were_drawn_from():
    """Of sha256("SEED/NAME/...") and PCG64: another rule would silently change every episode."""
    assert generator(0, "episodes", 17).integers(1000, size=4).tolist() == [879, 633, 305, 967]


def test_torch_is_seeded_whatever_it_was_before():
    torch.manual_seed(1)
    seed_torch(0, "network")
    one = torch.rand(3)
    torch.manual_seed(2)
    seed_torch(0, "network")
    assert torch.equal(torch.rand(3), one)
    seed_torch(1, "network")
    assert not torch.equal(torch.rand(3), one)
