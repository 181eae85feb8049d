"""What is reported of neural fields: PSNR after the same number of steps, and pictures."""

from __future__ import annotations

from collections.abc import Sequence

from lazyleap.report import Chart, Field, Measure, Pictures, Report
from lazyleap.results import Group
from neural_fields.evaluate import STRIP
from neural_fields.options import FieldTask


def report(task: FieldTask, groups: Sequence[Group]) -> Report:
    """Compared at the task's common steps; a setting's own horizon is shown beside."""
    dataset = groups[0].first.metrics["dataset"]
    return Report(
        heading=f"neural fields of {dataset}",
        asked=(
            f"From which learned start does a small network fit a new image of {dataset} best, "
            "after the same number of steps and for the same training compute?"
        ),
        sample="test images",
        clusters="test images",
        compared=[
            Measure(f"psnr@{s}", f"PSNR after {_steps(s)} (dB)", higher=True)
            for s in task.test.steps
        ],
        further=[
            *(
                Measure(f"ssim@{s}", f"SSIM after {_steps(s)}", higher=True)
                for s in task.test.steps
            ),
            Measure("psnr@{horizon}", "PSNR after k steps (dB)", higher=True),
        ],
        charts=_curves(groups),
        pictures=[p for i in range(task.test.pictures) if (p := _strips(task, groups, i)).files],
        notes=_notes(task),
    )


def _steps(count: int) -> str:
    return f"{count} step{'' if count == 1 else 's'}"


def _curves(groups: Sequence[Group]) -> list[Chart]:
    return [
        Chart(
            f"{name}-steps",
            f"{title} against test-time steps",
            "Steps 0 to 10 and every fifth were measured; step 0 is without adaptation. Seeds are "
            "averaged.",
            "line",
            [
                group.named | {"step": step, "value": value}
                for group in groups
                for step, value in group.curve(column).items()
            ],
            Field("step", "test-time inner steps", format="d"),
            Field("value", unit, format=form),
            Field("series", "setting", "nominal"),
            dash=Field("horizon", "horizon k", "ordinal"),
            tooltip=(Field("setting", "setting", "nominal"),),
        )
        for name, column, title, unit, form in (
            ("psnr", "accuracy", "PSNR", "PSNR (dB)", ".1f"),
            ("ssim", "ssim", "SSIM", "SSIM", ".3f"),
        )
    ]


def _strips(task: FieldTask, groups: Sequence[Group], i: int) -> Pictures:
    paths = [(g.label, g.first.folder / "pictures" / f"{STRIP.format(i)}.png") for g in groups]
    shown = ", ".join(map(str, task.test.shown))
    return Pictures(
        STRIP.format(i),
        f"Test image {i + 1}, fitted",
        [(label, path) for label, path in paths if path.is_file()],
        f"A row a setting: the image, then its fit after {shown} steps.",
    )


def _notes(task: FieldTask) -> list[str]:
    pixels = task.training.pixels
    seen = "all pixels" if pixels == 1 else f"{100 * pixels:g} % of the pixels, another sample"
    return [
        f"The network: {task.model.words}. In training an inner step sees {seen}, in the test all.",
        "PSNR is of colours as the network gives them, not cut off at black and white, and is "
        "averaged over images in dB; SSIM has a Gaussian window of 11 pixels.",
        f"{task.draw.test_images} test images, the same for every setting; every setting is judged "
        f"after the same numbers of steps: {', '.join(map(str, task.test.steps))}.",
    ]
