"""What a stage does to the process that it computes in."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest
import torch

from tests.conftest import ROOT

BLOCK, COUNT = 30 * 2**20, 5
FREED = f"""
import ctypes, sys
from stages import machine

class Info(ctypes.Structure):
    _fields_ = [(str(i), ctypes.c_size_t) for i in range(10)]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Info
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]

def held():  # of the system, in use or not
    return getattr(libc.mallinfo2(), "0")

if "used" in sys.argv:
    machine.use(3)
before = held()
blocks = [libc.malloc({BLOCK}) for _ in range({COUNT})]
for block in reversed(blocks):
    libc.free(block)
print(held() - before, machine.torch.get_num_threads())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="there is no glibc 2.33")
def test_freed_memory_is_kept_for_the_next_tensor():
    """Of 150 MiB; glibc's own choice gives them back, and what is given back comes page by page."""
    found, threads = {}, {}
    for word in ("plain", "used"):
        done = subprocess.run(
            [sys.executable, "-c", FREED, word],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        found[word], threads[word] = map(int, done.stdout.split())
    assert threads["used"] == 3
    assert found["used"] > (COUNT - 1) * BLOCK
    assert found["plain"] < 2.5 * BLOCK


ROUNDED = """
import os, torch
from stages import machine

def now():
    cuda, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    chosen = torch.are_deterministic_algorithms_enabled()
    return cuda.allow_tf32, cudnn.allow_tf32, chosen, os.environ.get("CUBLAS_WORKSPACE_CONFIG")

before = now()
print(machine.device("cpu"), now() == before)
for tf32 in (True, False):
    print(machine.device({"name": "auto", "tf32": tf32, "deterministic": not tf32}), *now())
"""


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_says_how_it_rounds():
    """In a process of its own; by its name alone nothing is changed."""
    done = subprocess.run(
        [sys.executable, "-c", ROUNDED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "cpu True",
        "cpu True True False None",
        "cpu False False True :4096:8",
    ]
