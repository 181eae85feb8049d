"""PSNR and SSIM against other people's, and fits along the steps against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from lazyleap.datasets.pixels import Pixels
from lazyleap.errors import DivergedError
from neural_fields import measures
from neural_fields.siren import problem_of
from tests.examples.neural_fields import small
from tests.handmade import CPU, float64


def pair(channels: int, height: int = 20, width: int = 17):
    draw = torch.Generator().manual_seed(channels)
    a = torch.rand(4, channels, height, width, generator=draw, dtype=torch.float64)
    return a, (a + 0.3 * torch.randn(a.shape, generator=draw, dtype=torch.float64)).clamp(0, 1)


def test_psnr_is_the_ratio_of_one_squared_to_the_mean_squared_error():
    a, b = pair(3)
    errors = [((x - y) ** 2).mean() for x, y in zip(a.numpy(), b.numpy(), strict=True)]
    expected = [10 * np.log10(1 / error) for error in errors]
    np.testing.assert_allclose(measures.psnr(a, b), expected, rtol=1e-12)
    assert measures.psnr(a, a).tolist() == [100.0] * 4


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_is_torchmetrics_inside_the_image(channels):
    a, b = pair(channels)
    found = measures.ssim(a, b)
    # Theirs goes on beyond the image, by reflection.
    _, theirs = structural_similarity_index_measure(a, b, data_range=1.0, return_full_image=True)
    inside = theirs[:, :, 5:-5, 5:-5].flatten(1).mean(1)
    np.testing.assert_allclose(found, inside, rtol=0, atol=1e-12)
    assert measures.ssim(a, a).tolist() == pytest.approx([1.0] * 4)


def test_ssim_of_an_image_smaller_than_the_window_takes_one_that_fits():
    a, b = pair(1, 8, 8)
    line = np.exp(-((np.arange(8) - 3.5) ** 2) / (2 * 1.5**2))
    w = np.outer(line, line) / np.outer(line, line).sum()
    for x, y, found in zip(a[:, 0].numpy(), b[:, 0].numpy(), measures.ssim(a, b), strict=True):
        mx, my = (w * x).sum(), (w * y).sum()
        vx, vy = (w * x * x).sum() - mx**2, (w * y * y).sum() - my**2
        cov = (w * x * y).sum() - mx * my
        c1, c2 = 0.01**2, 0.03**2
        expected = (2 * mx * my + c1) * (2 * cov + c2)
        expected /= (mx**2 + my**2 + c1) * (vx + vy + c2)
        assert float(found) == pytest.approx(expected, abs=1e-12)


def test_a_flat_fit_is_the_best_single_colour():
    a, _ = pair(3)
    for image, found in zip(a, measures.flat(a), strict=True):
        spread = image.flatten(1).var(1, correction=0).mean()
        assert float(found) == pytest.approx(-10 * float(spread.log10()))


@pytest.mark.parametrize("chunk", [2, 16])
def test_fits_along_the_steps_are_those_of_a_plain_loop(chunk, monkeypatch, tmp_path):
    monkeypatch.setattr(measures, "CHUNK", chunk)
    ours = small.setting(tmp_path, small.params())
    source = small.images(1, 5)
    data = small.prepared(tmp_path / "data", train=source)
    chosen = np.array([4, 0, 2])
    with float64():
        problem, theta = problem_of(ours, data, CPU)
        pixels = Pixels(source, [0.5] * 3, [0.5] * 3, CPU)
        fits = measures.along(problem, theta, pixels, chosen, [3, 0, 1])
    assert list(fits) == [0, 1, 3]
    for steps, found in fits.items():
        assert found.shape == (3, 3, small.SIDE, small.SIDE)
        for image, fit in zip(source.images[chosen], found, strict=True):
            p = small.fitted(theta, image, steps)
            expected = (small.field(p, small.grid()).detach() + 1) / 2
            torch.testing.assert_close(fit.flatten(1).T, expected, rtol=0, atol=1e-12)
            error = ((expected - torch.from_numpy(image / 255).flatten(1).T) ** 2).mean()
            wanted = torch.from_numpy(image / 255)
            score = float(measures.psnr(fit[None], wanted[None]))
            assert score == pytest.approx(-10 * np.log10(float(error)))


def test_a_fit_that_is_no_number_is_said_with_its_step(tmp_path):
    given = small.params()
    given["algorithms"]["maml"]["inner_lr"] = 1e6
    ours = small.setting(tmp_path, given)
    source = small.images(1, 5)
    data = small.prepared(tmp_path / "data", train=source)
    problem, theta = problem_of(ours, data, CPU)
    pixels = Pixels(source, [0.5] * 3, [0.5] * 3, CPU)
    with pytest.raises(DivergedError, match=r"^after \d+ inner steps .* inner_lr is too large"):
        measures.along(problem, theta, pixels, np.arange(2), [40])
