import pytest
import torch

from cappuccino_assets.agents.propagation import MICRO_BATCH
from cappuccino_assets.training.memory import SMALLEST_MICRO_BATCH, Rung, is_out_of_memory

GPU, CPU = torch.device("cuda", 0), torch.device("cpu")


def ladder(top: Rung, *, batch_size: int, n_members: int, may_move: bool) -> list[Rung]:
    rungs = [top]
    while below := rungs[-1].below(
        batch_size=batch_size, n_members=n_members, may_move_to_cpu=may_move
    ):
        rungs.append(below)
    return rungs


def test_passes_shrink_first_then_the_population_and_only_then_the_device_changes() -> None:
    top = Rung(device=GPU, micro_batch=512)
    rungs = ladder(top, batch_size=512, n_members=7, may_move=True)

    assert [(str(r.device), r.micro_batch, r.n_parts) for r in rungs] == [
        ("cuda:0", 512, 1),
        ("cuda:0", 256, 1),
        ("cuda:0", 128, 1),
        ("cuda:0", 64, 1),
        ("cuda:0", 64, 2),
        ("cuda:0", 64, 4),
        ("cuda:0", 64, 7),
        ("cpu", MICRO_BATCH, 1),
        ("cpu", 256, 1),
        ("cpu", 128, 1),
        ("cpu", 64, 1),
        ("cpu", 64, 2),
        ("cpu", 64, 4),
        ("cpu", 64, 7),
    ]


def test_no_device_is_left_that_may_not_be() -> None:
    rungs = ladder(Rung(device=GPU), batch_size=1024, n_members=2, may_move=False)
    assert {rung.device for rung in rungs} == {GPU}
    assert ladder(Rung(device=CPU), batch_size=1024, n_members=2, may_move=True)[-1].n_parts == 2


def test_no_step_is_spent_on_passes_that_are_larger_than_a_batch() -> None:
    rungs = ladder(
        Rung(device=CPU), batch_size=2 * SMALLEST_MICRO_BATCH, n_members=1, may_move=False
    )
    assert [rung.micro_batch for rung in rungs] == [MICRO_BATCH, SMALLEST_MICRO_BATCH]


@pytest.mark.parametrize("n_parts", [1, 2, 3, 7])
def test_parts_hold_every_member_once(n_parts: int) -> None:
    parts = Rung(device=CPU, n_parts=n_parts).parts(7)
    assert len(parts) == n_parts
    assert [member for part in parts for member in range(7)[part]] == list(range(7))
    sizes = {part.stop - part.start for part in parts}
    assert max(sizes) - min(sizes) <= 1


CALL = "when calling `cublasCreate(handle)`"


@pytest.mark.parametrize(
    "message",
    [
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory",
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
        f"CUDA error: CUBLAS_STATUS_ALLOC_FAILED {CALL}",
        f"CUDA error: CUBLAS_STATUS_NOT_INITIALIZED {CALL}",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    ],
)
def test_torch_tells_a_want_of_memory_in_many_words(message: str) -> None:
    assert is_out_of_memory(RuntimeError(message))


@pytest.mark.parametrize(
    "message",
    [
        "CUDA error: an illegal memory access was encountered",
        "CUDA error: device-side assert triggered",
        f"CUDA error: CUBLAS_STATUS_EXECUTION_FAILED {CALL}",
        "cuDNN error: CUDNN_STATUS_BAD_PARAM",
        "Expected all tensors to be on the same device",
    ],
)
def test_other_errors_of_torch_are_no_want_of_memory(message: str) -> None:
    assert not is_out_of_memory(RuntimeError(message))


def test_a_want_of_memory_is_told_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as wanting:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(wanting.value)
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert not is_out_of_memory(ValueError("can't allocate memory"))
