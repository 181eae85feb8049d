"""A report says what it does not know: one seed, what is missing, what cannot be read."""

from __future__ import annotations

import pytest
import yaml

from lazyleap.errors import InputError
from lazyleap.items import FILE
from lazyleap.report import plain
from stages.reporting import page
from tests.report import grid
from tests.report.conftest import rerun
from tests.report.reading import FEW, Tables, drawn, metrics, record, rows, small


def test_one_seed_decides_nothing_and_the_page_says_so(root):
    grid.write(root, small(root), maml_lazy_k10=0.1)
    text = rerun(root)
    assert "One seed a setting: nothing is decided." in text
    words = {r["setting"]: r["against the best"] for r in rows(text, "glyphs: All settings")}
    assert words == {"maml lazy k=10 (placement start)": "best", "maml exact k=5": "undecided"}
    budgets = rows(text, "glyphs: At equal training compute")
    assert [r["best within it"] for r in budgets] == ["maml exact k=5", next(iter(words))]
    assert [r["not distinguishable from it"] for r in budgets] == ["none", "maml exact k=5"]
    assert [r["training CPU from (s)"] for r in budgets] == ["68.0", "103"]
    assert {r["clearly behind"] for r in budgets} == {"0"}


def test_caveats_come_from_the_records(root):
    small(root, seeds=2)
    text = rerun(root)
    for words in ("uncommitted", "different machines", "resumed", "shared", "commits"):
        assert words not in text.partition("All settings")[0]
    assert "CPU times of the seeds of one setting differ by up to 1 %." in text
    grid.edit(record(root, "maml-exact-k5-s0"), dirty=True, hardware="another", commit="feed")
    grid.edit(metrics(root, "attack-lazy-k5-s0"), warnings=["Target x never moves."])
    assert "Target x never moves." in rerun(root).partition("glyphs-attack: All settings")[0]
    grid.edit(record(root, "maml-exact-k5-s1"), resumed=2, train_wall_seconds=2 * (grid.CPU + 28.5))
    text = rerun(root)
    for words in (
        "Trained from a working tree with uncommitted changes: maml-exact-k5-s0.",
        "different machines",
        "Interrupted and resumed: maml-exact-k5-s1.",
        "Wall time is up to 100 % longer",
        "Runs are of 2 commits",
    ):
        assert words in text.partition("All settings")[0]


def test_times_of_machines_of_several_kinds_are_not_compared(root):
    """One name, another set of instructions: on such machines the same work took 2.7 times."""
    for run in small(root, seeds=2)["runs"]:
        grid.edit(record(root, run), instruction_set="x86_64 AVX512")
    title, charts = (
        "glyphs: At equal training compute",
        {"accuracy-cpu", "train-cpu-seconds-horizon"},
    )
    text = rerun(root)
    assert rows(text, title)
    assert charts <= {name.removeprefix("glyphs-") for name in drawn(text)}
    grid.edit(record(root, "maml-exact-k5-s1"), instruction_set="x86_64 AVX2")
    text = rerun(root)
    assert (
        "The runs were on different machines, so their CPU times do not compare: an invented "
        "processor, x86_64 AVX2, cpu; an invented processor, x86_64 AVX512, cpu."
    ) in text
    assert title not in Tables(text).found
    assert not charts & {name.removeprefix("glyphs-") for name in drawn(text)}


def test_only_what_a_commit_holds_is_checked_out(root):
    small(root)
    commit = "git checkout 0123456789abcdef0123456789abcdef01234567</code>"
    runs = rerun(root).count(commit)
    assert runs == len(FEW)
    grid.edit(record(root, "maml-exact-k5-s0"), dirty=True, uncommitted=["lazyleap/mine.py"])
    grid.edit(record(root, "lt-cross-entropy-s0"), commit="unknown")
    text = rerun(root)
    assert (text.count(commit), text.count("git checkout")) == (runs - 2, runs - 2)
    assert text.count("No commit holds what it was trained from (uncommitted changes);") == 1
    assert text.count("No commit holds what it was trained from (of no commit (lazyleap ") == 1
    assert "<dd>lazyleap/mine.py</dd>" in text


def test_what_is_missing_is_named_with_its_reason(root):
    small(root)
    record(root, "maml-exact-k5-s0").unlink()
    metrics(root, "attack-square-s0").unlink()
    grid.edit(metrics(root, "lt-cross-entropy-s0"), setting={"horizon": 7})
    grid.edit(metrics(root, "attack-lazy-k5-s0"), setting={"test": {"epsilon": 99}, "leaps": 3})
    text = rerun(root)
    summary = (root / "results" / grid.GRID / "summary.md").read_text()
    assert "2 of 6 runs finished" in text
    assert "2 of 6 runs finished" in summary
    for said in (
        "`maml-exact-k5-s0`: not trained: no ",
        "`attack-square-s0`: trained, not evaluated: no ",
        "is of another setting: horizon 7 where params.yaml says 1",
        "is of another setting: leaps 3 where params.yaml says 1, epsilon 99 where params.yaml "
        "says 3",
    ):
        assert said in summary
    assert 'id="glyphs-attack"' not in text  # no setting of that task is finished
    assert "one setting alone" in text


def test_a_grid_with_nothing_finished_has_a_page(root):
    content = small(root)
    for run in content["runs"]:
        record(root, run).unlink()
    text = rerun(root)
    assert "0 of 6 runs finished" in text
    assert rerun(root) == text


def test_runs_without_results_of_items_are_shown_and_not_compared(root):
    small(root, seeds=2)
    for seed in range(2):
        metrics(root, f"maml-lazy-k10-s{seed}").with_name(FILE).unlink()
    table = rows(rerun(root), "glyphs: All settings")
    assert {r["against the best"] for r in table} == {"best", "not compared"}


def test_runs_on_other_test_data_are_not_compared(root):
    small(root, seeds=2)
    for seed in range(2):
        grid.edit(metrics(root, f"maml-lazy-k10-s{seed}"), test_digest="cd" * 32)
    text = rerun(root)
    assert {r["against the best"] for r in rows(text, "glyphs: All settings")} == {
        "best",
        "not compared",
    }
    assert "Not all runs met the same test data" in text


def test_names_are_escaped_and_cannot_end_the_script(root):
    small(root)
    odd = "</script><script>alert(1)</script>&\"'"
    for run in ("lt-cross-entropy-s0", "lt-reweight-lazy-k5-s0"):
        grid.edit(metrics(root, run), classes=[odd, "b", "c", "d", "e", "f"])
        grid.edit(record(root, run), hardware=odd)
    text = rerun(root)
    assert "<script>alert" not in text
    classes = {row["class"] for row in drawn(text)["glyphs-lt-recall"]["spec"]["data"]["values"]}
    assert f"{odd} (500)" in classes


def test_a_kind_that_describes_nothing_is_reported_by_its_metrics(root, monkeypatch):
    small(root)
    monkeypatch.setattr(page, "report_of", lambda kind: plain)
    text = rerun(root)
    table = rows(text, "glyphs-lt: All settings")
    assert {"balanced_error", "error@few"} <= table[0].keys()
    assert "no file says which way is better" in text
    for run in ("lt-cross-entropy-s0", "lt-reweight-lazy-k5-s0"):
        grid.edit(metrics(root, run), higher=False)
    errors = [
        float(r["balanced_error"].split()[0]) for r in rows(rerun(root), "glyphs-lt: All settings")
    ]
    assert errors == sorted(errors)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("metrics.json", '{"metrics": {"accuracy@5": {"value": NaN}}}', "holds NaN"),
        ("metrics.json", "[]", "valid dictionary"),
        ("items.npz", "nothing", "does not hold test items"),
        ("curve.csv", "step,accuracy\n1\n", "is no table"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(root, file, content, said):
    small(root)
    path = metrics(root, "maml-exact-k5-s0").with_name(file)
    path.write_text(content)
    with pytest.raises(InputError, match=said) as raised:
        rerun(root)
    assert str(path.relative_to(root)) in str(raised.value)


def test_published_figures_have_a_source_and_are_of_the_same_data(root, monkeypatch):
    content = small(root)
    assert "Published figures" not in rerun(root)
    task = content["tasks"]["glyphs"]
    task["dataset"] = {
        "reader": "omniglot",
        "source": "data/raw/omniglot",
        "splits": "s",
        "size": 28,
    }
    content["runs"] = {n: r for n, r in content["runs"].items() if r["task"] == "glyphs"}
    (root / "params.yaml").write_text(yaml.safe_dump(content))
    found = rows(rerun(root), "glyphs: Published figures for these data")
    printed = {"MAML": "98.7", "first-order MAML": "98.3", "Reptile + transduction": "97.7"}
    printed["iMAML, gradient descent"] = "99.2"
    assert {r["published method"]: r["published (%)"] for r in found} == printed
    assert all("20" in r["source"] for r in found)
    assert (
        next(r for r in found if r["published method"] == "MAML")["our setting of that method"]
        == "maml exact k=5"
    )
