"""Downloads from a server on this machine: content is verified, failures are one sentence."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from lazyleap.datasets.download import MIRROR, fetch
from lazyleap.datasets.registry import Entry, find, read_registry
from lazyleap.errors import InputError

ROOT = Path(__file__).parents[2]
REFUSED = "http://127.0.0.1:9"  # the discard port: nobody listens


def sha(raw):
    return hashlib.sha256(raw).hexdigest()


@pytest.fixture
def server(tmp_path):
    """A folder served over HTTP; ``failures`` answers are 503 before the first good one."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        failures = 0
        asked = 0

        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path / "public"))

        def do_GET(self):
            Handler.asked += 1
            if Handler.asked <= Handler.failures:
                self.send_error(503)
            else:
                super().do_GET()

        def log_message(self, *args):
            pass

    (tmp_path / "public").mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        Handler.address = f"http://127.0.0.1:{serving.server_port}"
        Handler.folder = tmp_path / "public"
        yield Handler
        serving.shutdown()


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch):
    monkeypatch.delenv(MIRROR, raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def entry(address, raw, name="digits.gz", **changes):
    block = {
        "address": f"{address}/{name}",
        "size": "1 KiB",
        "container": "gz",
        "archives": [{"sha256": sha(gzip.compress(raw, mtime=0)), "note": "the public file"}],
        "content": [{"members": "digits", "digest": "bytes", "sha256": sha(raw)}],
        **changes,
    }
    about = {"title": "t", "licence": "l", "citation": "c", "source": "s"}
    return Entry.model_validate({**about, "files": {name: block}})


def put(folder, raw, name="digits.gz", level=9):
    (folder / name).write_bytes(gzip.compress(raw, level, mtime=0))


def test_download_and_verify(server, tmp_path):
    put(server.folder, b"123")
    notes = fetch(entry(server.address, b"123"), tmp_path / "raw" / "digits")
    assert notes == {"digits.gz": "the public file"}
    assert gzip.decompress((tmp_path / "raw" / "digits" / "digits.gz").read_bytes()) == b"123"
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["digits"]


def test_same_content_in_another_container_is_accepted(server, tmp_path):
    raw = b"123" * 1000
    put(server.folder, raw, level=1)
    (note,) = fetch(entry(server.address, raw), tmp_path / "raw").values()
    assert "container the registry does not list" in note


def test_other_content_is_refused_and_nothing_left(server, tmp_path):
    put(server.folder, b"124")
    with pytest.raises(InputError, match=r"/digits\.gz: 'digits' has bytes sha256 .* expected"):
        fetch(entry(server.address, b"123"), tmp_path / "raw" / "digits")
    assert not [path for path in (tmp_path / "raw").rglob("*") if path.is_file()]


def test_without_content_digests_the_archive_decides(server, tmp_path):
    put(server.folder, b"123")
    assert fetch(entry(server.address, b"123", content=[]), tmp_path / "good")
    with pytest.raises(InputError, match="none of the registry's digests"):
        fetch(entry(server.address, b"124", content=[]), tmp_path / "bad")


def test_a_busy_server_is_asked_again(server, tmp_path):
    put(server.folder, b"123")
    server.failures = 1
    assert fetch(entry(server.address, b"123"), tmp_path / "raw")
    assert server.asked == 2


def test_a_dead_link_is_one_sentence(server, tmp_path):
    with pytest.raises(InputError, match=r"cannot download http\S+/digits\.gz \(HTTP 404\)"):
        fetch(entry(server.address, b"123"), tmp_path / "raw", retries=0)


def test_offline_names_address_and_mirror(tmp_path):
    with pytest.raises(InputError) as caught:
        fetch(entry(REFUSED, b"123"), tmp_path / "raw", retries=0)
    sentence = str(caught.value)
    assert f"{REFUSED}/digits.gz" in sentence
    assert MIRROR in sentence
    assert "\n" not in sentence


def test_the_mirror_is_looked_into_first(tmp_path, monkeypatch):
    put(tmp_path, b"123")
    monkeypatch.setenv(MIRROR, str(tmp_path))
    fetch(entry(REFUSED, b"123"), tmp_path / "raw", retries=0)
    assert (tmp_path / "raw" / "digits.gz").is_file()


def test_a_mirror_without_the_file_is_passed_over(server, tmp_path, monkeypatch):
    put(server.folder, b"123")
    (tmp_path / "mirror").mkdir()
    monkeypatch.setenv(MIRROR, str(tmp_path / "mirror"))
    assert fetch(entry(server.address, b"123"), tmp_path / "raw")


def test_a_wrong_file_in_the_mirror_is_named(tmp_path, monkeypatch):
    (tmp_path / "digits.gz").write_bytes(gzip.compress(b"123" * 99)[:-9])
    monkeypatch.setenv(MIRROR, str(tmp_path))
    with pytest.raises(InputError, match=rf"{tmp_path}/digits\.gz is truncated or damaged"):
        fetch(entry(REFUSED, b"123"), tmp_path / "raw", retries=0)


def test_a_mirror_that_is_no_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv(MIRROR, str(tmp_path / "gone"))
    with pytest.raises(InputError, match=rf"{MIRROR} is '.*gone', which is not a folder"):
        fetch(entry(REFUSED, b"123"), tmp_path / "raw", retries=0)


def test_a_file_that_is_right_is_not_fetched_again(tmp_path):
    put(tmp_path, b"123")
    assert fetch(entry(REFUSED, b"123"), tmp_path, retries=0)


def test_a_file_that_is_wrong_is_replaced(server, tmp_path):
    put(server.folder, b"123")
    (tmp_path / "raw").mkdir()
    put(tmp_path / "raw", b"12")
    fetch(entry(server.address, b"123"), tmp_path / "raw")
    assert gzip.decompress((tmp_path / "raw" / "digits.gz").read_bytes()) == b"123"


# ---- the registry and the stage


def test_the_registry_is_whole():
    entries = read_registry(ROOT / "data" / "datasets.yaml")
    assert set(entries) == {"omniglot", "mnist", "cifar-10", "cifar-100"}
    stages = yaml.safe_load((ROOT / "data" / "dvc.yaml").read_text())["stages"]
    assert set(stages["fetch"]["foreach"]) == set(entries)
    for about in entries.values():
        assert all(file.content and file.archives for file in about.files.values())
        assert about.licence
        assert about.citation


def test_an_unknown_dataset_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'omniglot'"):
        find(ROOT / "data" / "datasets.yaml", "omniglott")


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("adress", "x", r"toy\.adress: Extra inputs"),
        ("licence", 3, r"toy\.licence: .*got 3"),
        ("files", {"a.zip": {"size": "1"}}, r"toy\.files\.a\.zip\.address: Field required"),
    ],
)
def test_a_mistake_in_the_registry_names_its_key(tmp_path, key, value, sentence):
    about = {"title": "t", "licence": "l", "citation": "c", "source": "s", "files": {}}
    (tmp_path / "registry.yaml").write_text(yaml.safe_dump({"toy": {**about, key: value}}))
    with pytest.raises(InputError, match=sentence):
        read_registry(tmp_path / "registry.yaml")


def run_stage(*arguments, folder, **environment):
    command = [sys.executable, "-m", "stages.fetch", *arguments]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=False
    )


def test_the_stage_fetches_and_reports(tmp_path):
    put(tmp_path, b"123")
    registry = {"toy": entry(REFUSED, b"123").model_dump(mode="json")}
    (tmp_path / "registry.yaml").write_text(yaml.safe_dump(registry))
    arguments = ("toy", "--registry", "registry.yaml")
    done = run_stage(*arguments, folder=tmp_path, **{MIRROR: str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "data" / "raw" / "toy" / "digits.gz").is_file()
    assert "Licence: l" in done.stderr


def test_the_stage_ends_with_one_sentence(tmp_path):
    done = run_stage("toy", "--registry", "none.yaml", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: none.yaml: cannot be read")
    assert done.stderr.count("\n") == 1
