"""YAML as DVC reads it, and one sentence for everything else."""

from __future__ import annotations

import contextlib
import random
import re
from pathlib import Path

import pytest
from dvc.utils.serialize import load_yaml

from lazyleap import yamlfile
from lazyleap.errors import InputError

ROOT = Path(__file__).parents[1]

REFUSED = {
    "a: 1\nb: 2\na: 3\n": r"key 'a' stands on line 1 and again on line 3",
    "a:\n  b: {c: 1, c: 2}\n": r"key 'c' stands on line 2 and again on line 2",
    "a: 2026-02-30": r"line 1: a timestamp is neither",
    "a: 2026-02-28": r"line 1: a timestamp is neither",
    "a: !!timestamp x": r"a timestamp is neither",
    "a: !!binary aGk=": r"a binary is neither",
    "a: !!set {b}": r"a set is neither",
    "a: !!python/object:os.system x": r"is neither",
    "a: !!int abc": r"is not YAML \(invalid literal",
    "a: !!bool maybe": r"is not YAML",
    f"a: {'9' * 5000}": r"line 1: a number of 5,000 digits",
    "a: " + "[" * 500 + "]" * 500: r"nested more than 20 levels",
    "a: " + "[" * 30 + "]" * 30: r"line 1: is nested more than 20 levels",
    "a: [": r"is not YAML",
    "? [a]\n: 1": r"line 1: a key must be a word",
    "a: 1\n---\nb: 2": r"is not YAML \(expected a single document",
    "a: \x00": r"is not YAML|cannot be read",
    "l0: &l0 [1, 1]\n"
    + "".join(f"l{i + 1}: &l{i + 1} [{', '.join([f'*l{i}'] * 9)}]\n" for i in range(8)): (
        r"holds more than 100,000 values"
    ),
    f"a: {{{'x' * 500}: 1, {'x' * 500}: 2}}": r"stands on line 1 and again",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:24])
def test_what_could_be_misread_is_one_short_sentence(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as raised:
        yamlfile.read(path)
    sentence = str(raised.value)
    assert re.search(REFUSED[text], sentence)
    assert sentence.startswith(str(path))
    assert "\n" not in sentence
    assert len(sentence) < len(str(path)) + 500


def test_values_are_those_that_dvc_sees(tmp_path):
    text = "a: 010\nb: 3e-3\nc: 1:30\nd: yes\ne: 0o17\nf: .5\ng: null\nh: 'x'\ni: &i [1]\nj: *i\n"
    path = tmp_path / "params.yaml"
    path.write_text(text)
    found = yamlfile.read(path)
    assert found == load_yaml(path)
    assert found["a"] == 10
    assert found["b"] == 0.003
    assert found["c"] == "1:30"
    for own in (ROOT / "params.yaml", ROOT / "dvc.yaml", *(ROOT / "grids").glob("*/params.yaml")):
        assert yamlfile.read(own) == load_yaml(own)


@pytest.mark.parametrize(
    ("content", "said"), [(b"a: \xff", "cannot be read"), (b"#" * (2**20 + 1), "larger than 1 MiB")]
)
def test_a_file_that_is_no_text_or_too_large(tmp_path, content, said):
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        yamlfile.read(path)
    with pytest.raises(InputError, match="cannot be read"):
        yamlfile.read(tmp_path)


def test_any_change_of_a_few_bytes_is_read_or_refused():
    chance, text = random.Random(0), (ROOT / "params.yaml").read_text()[:1500]
    pieces = [*"{}[]:,&*!|>'\"%@`-?#\t\n 0123456789.e~", "!!int ", "<<: ", "---\n", "2026-02-30"]
    for _ in range(300):
        changed = list(text)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(changed))
            changed[at : at + chance.randint(0, 2)] = chance.choice(pieces)
        with contextlib.suppress(InputError):  # any other error fails the test
            yamlfile.parse("".join(changed), Path("params.yaml"))
