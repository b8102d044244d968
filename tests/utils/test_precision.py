"""Which device and which precision: with GPUs whose facts are made up."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from utils.device import Precision, describe, pick_device
from utils.errors import ConfigError

GPU = torch.device("cuda", 0)


@pytest.fixture(autouse=True)
def as_it_was():
    before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    yield
    torch.backends.cudnn.allow_tf32 = before[0]
    torch.set_float32_matmul_precision(before[1])


def fake_card(monkeypatch: pytest.MonkeyPatch, name: str, major: int, minor: int) -> None:
    card = SimpleNamespace(name=name, major=major, minor=minor, total_memory=16_000_000_000)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda *_: card)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_80", "sm_90", "sm_120"])
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda *_: (10_000_000_000, 16_000_000_000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda *_: 3_000_000_000)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda *_: 1_000_000_000)

    def supports(including_emulation: bool = True) -> bool:  # what PyTorch says of such a card
        return including_emulation or major >= 8

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supports)


@pytest.mark.parametrize(
    ("name", "major", "minor", "expected"),
    [
        ("T4", 7, 5, torch.float16),  # it emulates bfloat16, without kernels for convolutions
        ("A100", 8, 0, torch.bfloat16),
        ("H100", 9, 0, torch.bfloat16),
    ],
)
def test_auto_is_what_the_card_computes_itself(monkeypatch, name, major, minor, expected) -> None:
    fake_card(monkeypatch, name, major, minor)
    assert Precision.named("auto", GPU).dtype == expected
    assert Precision.named("auto", torch.device("cpu")).dtype == torch.float32


def test_float32_rounds_nothing_and_tf32_says_that_it_does() -> None:
    Precision.named("float32", torch.device("cpu"))
    assert not torch.backends.cudnn.allow_tf32
    assert torch.get_float32_matmul_precision() == "highest"

    fast = Precision.named("tf32", torch.device("cpu"))
    assert torch.backends.cudnn.allow_tf32
    assert torch.get_float32_matmul_precision() == "high"
    assert (fast.dtype, str(fast).split()[-1]) == (torch.float32, "tf32")
    assert replace(fast, dtype=torch.bfloat16).name == "bfloat16"


def test_a_gpu_is_described_with_the_memory_that_pytorch_would_use_again(monkeypatch) -> None:
    fake_card(monkeypatch, "NVIDIA A100", 8, 0)
    assert describe(GPU) == "NVIDIA A100 (cuda:0, 12 of 16 GB free)"


@pytest.mark.parametrize(("name", "major", "minor"), [("Tesla V100", 7, 0), ("Tesla P100", 6, 0)])
def test_a_card_that_this_pytorch_has_no_kernels_for_is_named_at_the_start(
    monkeypatch, name, major, minor
) -> None:
    fake_card(monkeypatch, name, major, minor)

    def no_kernel(*_: object, **__: object) -> torch.Tensor:
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nmore")

    monkeypatch.setattr(torch, "zeros", no_kernel)
    with pytest.raises(ConfigError) as error:
        pick_device("auto")
    assert f"leaves out {name} (sm_{major}{minor})" in str(error.value)
    assert "no kernel image" in str(error.value)
    assert "an older CUDA" in str(error.value)


def test_a_driver_that_is_too_old_is_said_where_the_cpu_steps_in(monkeypatch, caplog) -> None:
    def too_old() -> None:
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 11040).\nUpdate it")

    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "init", too_old)
    assert pick_device("auto").type == "cpu"
    assert "driver on your system is too old (found version 11040)." in caplog.text


def test_other_kinds_of_devices_are_refused_in_a_sentence() -> None:
    with pytest.raises(ConfigError, match=r"NVIDIA GPUs; mps was never tried\. Use auto, cpu, cuda"):
        pick_device("mps")


def test_one_thread_is_not_several(monkeypatch) -> None:
    for threads, said in ((1, "the CPU (1 thread)"), (4, "the CPU (4 threads)")):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        assert describe(torch.device("cpu")) == said
