"""params.yaml that says nonsense: one short sentence with the key, and nothing is run."""

from __future__ import annotations

import pytest
import yaml

from lazyleap.errors import InputError, nearest
from lazyleap.settings import load
from tests.conftest import ROOT
from tests.faults import misread

LONG = "x" * 100_000
FIRST = (ROOT / "params.yaml").read_text().split("\n  maml-exact-k1:")[0].count("\n") + 2
CASES = {  # what is replaced by what, and the sentence
    "a date": ("threads: 1", "threads: 2026-02-30", "a timestamp is neither"),
    "nesting": ("threads: 1", f"threads: {'[' * 500}{']' * 500}", "nested more than 20 levels"),
    "5,000 digits": ("threads: 1", f"threads: {'9' * 5000}", "line 7: a number of 5,000 digits"),
    "no int": ("threads: 1", "threads: !!int abc", "is not YAML"),
    "no bool": ("flip: false", "flip: !!bool maybe", "is not YAML"),
    "no timestamp": ("threads: 1", "threads: !!timestamp x", "a timestamp is neither"),
    "a run twice": (
        "  maml-exact-k5:",
        "  maml-exact-k1:",
        f"key 'maml-exact-k1' stands on line {FIRST} and again on line {FIRST + 1}",
    ),
    "minutes": ("threads: 1", "threads: 1:30", "threads: input should be a valid integer"),
    "an underscore": ("threads: 1", "threads: 1_0", "line 7: 1_0 is not how YAML 1.2 writes"),
    "a binary number": ("threads: 1", "threads: 0b1", "line 7: 0b1 is not how YAML 1.2 writes"),
    "a mistyped key alone": (
        "meta_batch: 2 ",
        "meta_bacth: 2 ",
        "tasks.glyphs.training.meta_bacth: unknown key; did you mean 'meta_batch'?",
    ),
    "a key that is right elsewhere": (
        "threads: 1",
        "threads: 1\nhorizon: 1",
        "horizon: unknown key",
    ),
    "horizon": ("horizon: 20,", "horizon: 1000000000,", "horizon: input should be less than"),
    "an attack of nothing": (
        "images: 20  ",
        "images: 0  ",
        "tasks.glyphs-attack.test.images: input should be greater than or equal to 1, not 0",
    ),
    "a number beyond writing": (
        "threads: 1",
        f"threads: 0x{'f' * 9000}",
        "line 7: a number of 9,002",
    ),
    "a long value": ("grid: quick", f"grid: {LONG}", "(100,002 characters)"),
    "a long reader": ("reader: glyphs", f"reader: {LONG}", "is none of 'omniglot'"),
    "a long reference": (
        "{task: glyphs, alg",
        f"{{task: {LONG}, alg",
        "task: string should have at most",
    ),
    "a long class": ("  anil:", f"  anil:\n    class: {LONG}", "is unknown; valid: anil, "),
    "a long key": ("threads: 1", f"? {LONG}\n: 1", "(100,000 characters): unknown key"),
    "a run like an option": ("  maml-exact-k1:", "  --help:", "runs: name '--help': may hold"),
    "a run of a dash": ("  maml-exact-k1:", "  -:", "runs: name '-': may hold only a-z"),
    "a grid like an option": ("grid: quick", "grid: --help", "grid: may hold only a-z"),
    "a shell's root": ("root: .", "root: $(touch x)/..", "root: may hold only letters"),
    "a shell's here": ('here: ""', 'here: "$(touch x)/../"', "here: may hold only letters"),
    "here without its slash": ('here: ""', "here: grids/mine", "ends with /"),
    "extensions with NUL": ("extensions: extensions", 'extensions: "\\0"', "extensions: may hold"),
    "a source with NUL": ("source: lazyleap/data", 'source: "a\\0b" #', "source: holds no line"),
    "a key that is a number": ("threads: 1", "1: 1", "line 7: a key must be a word"),
}


@pytest.mark.parametrize("case", CASES)
def test_nonsense_is_one_short_sentence(case, tmp_path):
    old, new, sentence = CASES[case]
    text, path = (ROOT / "params.yaml").read_text(), tmp_path / "params.yaml"
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError) as refused:
        load(path)
    words = str(refused.value)
    assert words.startswith(str(path))
    assert sentence in words
    assert "\n" not in words
    assert len(words) < len(str(path)) + 1100
    assert LONG[:200] not in words


def test_a_second_reader_agrees_or_says_what_is_lost(tmp_path):
    """The oracle of the long run: it finds a key twice and a number in another base."""
    path = tmp_path / "a.yaml"
    path.write_text("a: 010\nb: [1, 3e-3]\n")
    assert misread.fault(path) == ""
    root = yaml.compose("a: 010\nb: 1\nb: 2\n", Loader=yaml.BaseLoader)
    assert next(misread._faults(root, {"a": 8, "b": 2}, "")).startswith("lost: ")
    root = yaml.compose("a: 010\n", Loader=yaml.BaseLoader)
    assert next(misread._faults(root, {"a": 8}, "")) == "differs: .a: '010', read 8"


def test_numbers_are_those_of_yaml_1_2(tmp_path):
    text, path = (ROOT / "params.yaml").read_text(), tmp_path / "params.yaml"
    text = text.replace("lr: 0.003 ", "lr: 3e-3 ", 1).replace("horizon: 10,", "horizon: 010,", 1)
    path.write_text(text)
    found = load(path)
    assert found.algorithms["maml"].given["outer"]["lr"] == 0.003
    assert found.runs["maml-first-order-k10"].horizon == 10


def test_a_suggestion_is_never_the_word_itself():
    assert nearest("seed", ["seed", "seeds"]) == "did you mean 'seeds'?"
    assert nearest("seed", ["seed"]) == "there is none"
