"""Batches are recorded bit for bit, and shown in a few words however large they are."""

import json
from collections import namedtuple

import ml_dtypes
import numpy as np
import pytest

from frostproof.reference.problems.batches import (
    WRITTEN_OUT,
    Batch,
    batch_text,
    read_batch,
    write_batch,
)

DTYPES = (
    np.float32,
    np.float64,
    np.float16,
    ml_dtypes.bfloat16,
    ml_dtypes.int4,
    np.int32,
    np.uint8,
    np.bool_,
    np.complex64,
    "U2",
    "S2",
    "M8[D]",
    "m8[s]",
)
Tokens = namedtuple("Tokens", "ids mask")


@pytest.mark.parametrize("size", [3, WRITTEN_OUT + 1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_an_array_is_read_back_bit_for_bit(dtype, size):
    """Whatever it holds, also after JSON."""
    array = (np.arange(size) % 7 - 3).astype(dtype)

    again = read_batch(json.loads(json.dumps(write_batch(array))))

    assert (again.dtype, again.shape) == (array.dtype, array.shape)
    assert again.tobytes() == array.tobytes()
    assert again.flags.writeable


def test_a_large_array_keeps_its_bits():
    """NaN payloads and −0.0 are not numbers that JSON can write."""
    bits = np.full(100, 0x7FC00123, np.uint32)
    array = bits.view(np.float32)

    assert read_batch(write_batch(array)).tobytes() == array.tobytes()


def test_containers_come_back():
    """Nested as they came, with their names."""
    batch = {"a": [Tokens(np.ones(2), np.zeros(200)), (np.ones(1),)], "b": Batch(np.ones(1), 2)}
    batch["b"] = Batch(np.ones(1), np.zeros((4, 30)))

    again = read_batch(write_batch(batch))

    assert (type(again["a"]), type(again["a"][1]), type(again["b"])) == (list, tuple, Batch)
    assert again["a"][0]._fields == ("ids", "mask")
    np.testing.assert_array_equal(again["b"].y, batch["b"].y)


def test_a_batch_in_a_few_words():
    """A large array by form, range and first values; a small one whole."""
    batch = Batch(np.linspace(-1, 1, 3 * 32 * 32).reshape(32, 32, 3), {"n": np.ones(2, np.int32)})

    assert batch_text(write_batch(batch)) == (
        "Batch(x=float64[32, 32, 3] from -1 to 1, first -1, -0.9993, -0.9987, -0.998, -0.9974, "
        "-0.9967, …, y={'n': int32[2] [1, 1]})"
    )


def test_an_array_whose_file_is_gone_is_said():
    """Nothing else is read in its place."""
    record = {"dtype": "float32", "shape": [2], "file": "ab12.bin"}

    with pytest.raises(ValueError, match=r"not beside the report any more: ab12\.bin"):
        read_batch(record)
    with pytest.raises(ValueError, match="damaged"):
        read_batch({"dtype": "float32", "shape": [2], "packed": "AAAA"})
