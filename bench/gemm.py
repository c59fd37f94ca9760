"""What the processor's matrix multiplication makes of the sizes that a training has."""

import torch

from bench.timing import repeated


def gemm_gflops(width: int, *, rows: int = 2048, at_least_s: float = 0.5) -> float:
    """Median speed of (rows x width) @ (width x width) in float32, in GFLOP/s."""
    x, w = torch.randn(rows, width), torch.randn(width, width)
    out = torch.empty(rows, width)
    times = repeated(lambda: torch.mm(x, w, out=out), at_least_s=at_least_s, n_warm=5)
    return 2 * rows * width * width / times.median_s / 1e9


def main() -> None:
    torch.set_num_threads(1)
    for width in (64, 128, 512, 1280):
        print(f"2048 x {width} x {width}: {gemm_gflops(width):.0f} GFLOP/s")


if __name__ == "__main__":
    main()
