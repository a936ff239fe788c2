#!/usr/bin/env python3
"""What a family by Fourier transforms could gain at stride 1 on an H200, on paper: cycles of an SM for
one output, as tensor cores, lanes, shared memory or main memory allow, whichever takes longest.

Usage: fft_on_paper.py. The rates are those of runtime/cost_model.cpp; shared memory moves 128 bytes a
cycle. All is counted in favour of the transforms: real ones of N points, the best N of up to 16,384
(what fits shared memory), at 2.5 N log2(N) operations, every one half of a multiply-add; a product of
spectra for N - K + 1 outputs (overlap-save); each exchange between passes of radix 16 written and read
once. Direct forms are depthwise convolutions by Toeplitz matrices (kernels/cuda/toeplitz.cuh) in 16
bits and by lanes in float32, and dense ones of C to C channels by wgmma, without loads that wait."""

import math

LANES = 2 * 128  # operations a cycle
MMA, WGMMA, WGMMA_TF32 = 1024, 2048, 1024  # multiply-adds a cycle
SHARED = 128  # bytes a cycle
MEMORY = 30e9 / 1.7e9  # likewise
TAPS = [64, 128, 256, 512, 1024, 2048, 4096]


def toeplitz(taps):
    """16 columns of the matrix by 8 segments of 16 outputs are one mma, 2 KiB of multiply-adds; its
    loads are a vector of x and, for one of four, the weights."""
    steps = math.ceil((taps + 15) / 16)
    return max(steps * 2048 / MMA, steps * (256 + 512 / 4) / SHARED) / 128


def transform(points, outputs):
    """One real transform, for each of `outputs`."""
    operations = 2.5 * points * math.log2(points)
    exchanges = math.ceil(math.log(points, 16)) - 1
    return max(operations / LANES, 8 * points * exchanges / SHARED) / outputs


def by_transforms(taps, count):
    """The least of count(points, outputs) of a transform."""
    sizes = [2**n for n in range(6, 15) if 2**n > taps]
    return min(count(size, size - taps + 1) for size in sizes)


def depthwise(taps, element):
    memory = 2 * element / MEMORY
    direct = toeplitz(taps) if element == 2 else 2 * taps / LANES

    def transformed(points, outputs):
        return 2 * transform(points, outputs) + 3 * points / LANES / outputs

    return max(memory, direct), max(memory, by_transforms(taps, transformed))


def dense(taps, channels):
    """Spectra pass through main memory as float32, for each is multiplied with those of all other
    channels, in TF32: 16 bits do not hold them."""

    def transformed(points, outputs):
        spectrum = 4 * points / outputs / MEMORY
        there_or_back = max(transform(points, outputs), spectrum + 2 / MEMORY)
        products = 2 * points * channels / outputs / WGMMA_TF32
        return 2 * there_or_back + max(products, 2 * spectrum)

    return max(taps * channels / WGMMA, 4 / MEMORY), by_transforms(taps, transformed)


def main():
    cases = {
        "depthwise, 16 bits": lambda taps: depthwise(taps, 2),
        "depthwise, float32": lambda taps: depthwise(taps, 4),
        "dense, 64 channels": lambda taps: dense(taps, 64),
        "dense, 512 channels": lambda taps: dense(taps, 512),
    }
    print(f"{'direct / by transforms':22}" + "".join(f"{f'K {taps}':>15}" for taps in TAPS))
    for name, case in cases.items():
        cells = [case(taps) for taps in TAPS]
        texts = [f"{direct:.2f}/{fft:.2f} {direct / fft:4.1f}x" for direct, fft in cells]
        print(f"{name:22}" + "".join(f"{text:>15}" for text in texts))


if __name__ == "__main__":
    main()
