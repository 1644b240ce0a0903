"""What a forecast must know of the installed llama.cpp and of the processor it runs on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

_FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "avx2": "AVX2",
        "avx512f": "AVX512",
        "asimd": "NEON",
        "asimddp": "DOTPROD",
        "i8mm": "MATMUL_INT8",
    }
)

REPACKING: Mapping[str, tuple[tuple[frozenset[str], int], ...]] = MappingProxyType(
    {
        kind: tuple((frozenset(names.split("+")), multiple) for names, multiple in conditions)
        for kind, conditions in {
            "q4_0": [("AVX2", 8), ("NEON+MATMUL_INT8", 4), ("NEON+DOTPROD", 4)],
            "q4_K": [("AVX2", 8), ("NEON+MATMUL_INT8", 8), ("NEON+DOTPROD", 8)],
            "q2_K": [("AVX512", 8)],
            "q5_K": [("NEON+MATMUL_INT8", 8), ("NEON+DOTPROD", 8)],
            "q6_K": [("NEON+MATMUL_INT8", 8), ("NEON+DOTPROD", 8)],
            "iq4_nl": [("AVX2", 8), ("NEON+DOTPROD", 4)],
            "mxfp4": [("AVX2", 8), ("NEON+DOTPROD", 4)],
            "q8_0": [("NEON+MATMUL_INT8", 4), ("NEON+DOTPROD", 4)],
            "q1_0": [("NEON+MATMUL_INT8", 4), ("NEON+DOTPROD", 4)],
        }.items()
    }
)
"""Element types that the CPU backend copies into another order, with the features and the multiple of
rows that this needs (`ggml_repack_get_optimal_repack_type` in ggml-cpu/repack.cpp)."""


@dataclass(frozen=True, slots=True)
class Engine:
    """The installed llama.cpp."""

    version: str = ""
    cpu_features: frozenset[str] = frozenset()
    """What its CPU backend uses, by llama.cpp's names, such as `AVX2`."""
    gpu_offload: bool = False
    """It was built for a GPU and found one; otherwise layers meant for a GPU stay in main memory."""
    extra_buffers: bool = True
    """It may copy weights into an order that the processor computes faster with."""

    def repacks(self, element_type: str, row_multiple: int) -> bool:
        """Whether a matrix of this type is copied into private memory when it is loaded.

        `row_multiple` is the largest of 16, 8, 4 and 1 that divides its rows; 0 for what is no matrix.
        """
        if row_multiple == 0 or not self.extra_buffers:
            return False
        return any(
            features <= self.cpu_features and row_multiple % multiple == 0
            for features, multiple in REPACKING.get(element_type, ())
        )


def features_of_flags(flags: Iterable[str]) -> frozenset[str]:
    """The CPU features that a llama.cpp built for this machine would use, by the kernel's names of flags."""
    return frozenset(_FLAGS[flag] for flag in flags if flag in _FLAGS)
