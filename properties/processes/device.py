"""The device that judged code runs on: chosen for all processes of a run, and named by one of them.

What a device changes in the law book:

- Products of matrices may round their inputs, to TF32 on GPUs and to bfloat16 on TPUs: bounds on
  losses and gradients are wider by that (`reference/numerics/rounding.py`), as far as
  `jax_default_matmul_precision` allows it.
- Sums may take another order at each run: where a CPU has to repeat its answers to the bit, both
  answers have to be correct, and frozen leaves stay the same to the bit everywhere.
- Subnormals may be kept or flushed: values are compared after flushing, and bounds allow for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

DEVICES = ("cpu", "gpu", "tpu")

#: What each asks of JAX. Accelerators come first by themselves, under names that differ by vendor.
_SETTINGS = {
    "cpu": {"JAX_PLATFORMS": "cpu"},
    # Else each of several processes would take three quarters of the memory.
    "gpu": {"JAX_PLATFORMS": "", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
    "tpu": {"JAX_PLATFORMS": ""},
}


class NoSuchDevice(ValueError):
    """The device that was asked for is not there, or does not start."""

    def __init__(self, device: str, found: str) -> None:
        super().__init__(
            f"--device {device}: JAX finds no {device} here, but {found}: install JAX with the "
            "plugin for it (docs.jax.dev, Installation)"
        )


@contextmanager
def on_device(device: str | None) -> Iterator[None]:
    """Let processes that are started meanwhile run on a device; None leaves it to JAX."""
    if device is not None and device not in DEVICES:
        raise ValueError(f"`device` must be one of {', '.join(DEVICES)}, got {device!r}")
    settings = _SETTINGS.get(device or "", {})
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def device_in_use() -> str:
    """Return the platform and the kind of the device that this process computes on."""
    import jax

    device = jax.devices()[0]
    number = f" × {jax.local_device_count()}" if jax.local_device_count() > 1 else ""
    return f"{device.platform} ({device.device_kind}{number})"


def require_device(device: str, found: str) -> None:
    """Raise `NoSuchDevice` unless what was found, as `device_in_use` says it, is the device."""
    if found.partition(" ")[0] != device:
        raise NoSuchDevice(device, found)
