"""Sizes and names of the element types that tensors and caches are stored in."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class ElementType(NamedTuple):
    """One GGML type: elements are stored in blocks of `block_elements`, each `block_bytes` long."""

    name: str
    block_elements: int
    block_bytes: int

    def row_bytes(self, elements: int) -> int:
        """Bytes of a row of `elements`, which must be a multiple of the block (ggml_row_size in ggml.c)."""
        return elements // self.block_elements * self.block_bytes


ELEMENT_TYPES: Mapping[int, ElementType] = MappingProxyType(
    {
        0: ElementType("f32", 1, 4),
        1: ElementType("f16", 1, 2),
        2: ElementType("q4_0", 32, 18),
        3: ElementType("q4_1", 32, 20),
        6: ElementType("q5_0", 32, 22),
        7: ElementType("q5_1", 32, 24),
        8: ElementType("q8_0", 32, 34),
        9: ElementType("q8_1", 32, 36),
        10: ElementType("q2_K", 256, 84),
        11: ElementType("q3_K", 256, 110),
        12: ElementType("q4_K", 256, 144),
        13: ElementType("q5_K", 256, 176),
        14: ElementType("q6_K", 256, 210),
        15: ElementType("q8_K", 256, 292),
        16: ElementType("iq2_xxs", 256, 66),
        17: ElementType("iq2_xs", 256, 74),
        18: ElementType("iq3_xxs", 256, 98),
        19: ElementType("iq1_s", 256, 50),
        20: ElementType("iq4_nl", 32, 18),
        21: ElementType("iq3_s", 256, 110),
        22: ElementType("iq2_s", 256, 82),
        23: ElementType("iq4_xs", 256, 136),
        24: ElementType("i8", 1, 1),
        25: ElementType("i16", 1, 2),
        26: ElementType("i32", 1, 4),
        27: ElementType("i64", 1, 8),
        28: ElementType("f64", 1, 8),
        29: ElementType("iq1_m", 256, 56),
        30: ElementType("bf16", 1, 2),
        34: ElementType("tq1_0", 256, 54),
        35: ElementType("tq2_0", 256, 66),
        39: ElementType("mxfp4", 32, 17),
        40: ElementType("nvfp4", 64, 36),
        41: ElementType("q1_0", 128, 18),
        42: ElementType("q2_0", 64, 18),
    }
)
"""Every type that llama.cpp reads, by the number a file uses for it (`ggml_type` in ggml.h)."""

BY_NAME: Mapping[str, ElementType] = MappingProxyType({kind.name: kind for kind in ELEMENT_TYPES.values()})

FILE_TYPES: Mapping[int, str] = MappingProxyType(
    {
        0: "F32",
        1: "F16",
        2: "Q4_0",
        3: "Q4_1",
        7: "Q8_0",
        8: "Q5_0",
        9: "Q5_1",
        10: "Q2_K",
        11: "Q3_K_S",
        12: "Q3_K_M",
        13: "Q3_K_L",
        14: "Q4_K_S",
        15: "Q4_K_M",
        16: "Q5_K_S",
        17: "Q5_K_M",
        18: "Q6_K",
        19: "IQ2_XXS",
        20: "IQ2_XS",
        21: "Q2_K_S",
        22: "IQ3_XS",
        23: "IQ3_XXS",
        24: "IQ1_S",
        25: "IQ4_NL",
        26: "IQ3_S",
        27: "IQ3_M",
        28: "IQ2_S",
        29: "IQ2_M",
        30: "IQ4_XS",
        31: "IQ1_M",
        32: "BF16",
        36: "TQ1_0",
        37: "TQ2_0",
        38: "MXFP4",
        39: "NVFP4",
        40: "Q1_0",
        41: "Q2_0",
    }
)
"""Names of `general.file_type` (`llama_ftype` in llama.h), as people write them."""
