"""Takes snapshots: bit-exact NumPy copies of the leaves of a tree, which no later step alters.

A leaf holds numbers: it is a JAX or NumPy array, a `jax.Ref`, a Python or NumPy scalar, or an
object with ``__array__``. Other leaves (strings, functions, objects) cannot be trained and are left
out; the structure still counts them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
import numpy.typing as npt

from .paths import Entry, Path, flatten, path_text

Array: TypeAlias = npt.NDArray[Any]

PYTHON_NUMBERS = (bool, int, float, complex)


@final
@dataclass(frozen=True, eq=False, slots=True)
class Leaf:
    """One leaf at one moment; two leaves are equal if all is the same, bits included."""

    path: Path
    #: Read-only, owned by this leaf, in the original dtype; the key data of a PRNG key.
    array: Array
    #: The name of the NNX variable's type, such as "Param"; None outside NNX variables.
    kind: str | None
    #: Whether the type is weak, in JAX's sense: that of a Python scalar is.
    weak_type: bool

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Leaf) and self._identity() == other._identity()

    def _identity(self) -> tuple[object, ...]:
        array = self.array
        return self.path, self.kind, self.weak_type, array.dtype, array.shape, array.tobytes()


class NoSuchLeaf(KeyError):
    """A snapshot has no leaf of this path: a program may drop one, or put another thing there."""

    def __init__(self, path: Path):
        """Keep the path."""
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"no leaf `{path_text(self.path)}`"


@final
@dataclass(frozen=True)
class Snapshot(Mapping[Path, Leaf]):
    """The leaves of a tree by path, in the tree's order; two are equal if all bits are."""

    leaves: Mapping[Path, Leaf]
    #: The tree's structure as text: containers and names, without values and memory addresses.
    structure: str

    def __getitem__(self, path: Path) -> Leaf:
        try:
            return self.leaves[path]
        except KeyError:
            raise NoSuchLeaf(path) from None

    def get(self, path: Path, default: Any = None) -> Any:
        """Return a leaf, or the default where there is none by this path."""
        return self.leaves.get(path, default)

    def __contains__(self, path: object) -> bool:
        return path in self.leaves

    def __iter__(self) -> Iterator[Path]:
        return iter(self.leaves)

    def __len__(self) -> int:
        return len(self.leaves)


#: Copies by the identity of the value, which is kept so that no other value gets that identity.
Copies: TypeAlias = dict[int, tuple[Any, Array | None]]


def snapshot(tree: Any) -> Snapshot:
    """Copy the leaves of a tree, so that training in place cannot alter the copy.

    Args:
        tree: a pytree, ``nnx.State`` or ``nnx.Module``, with leaves of any shapes and dtypes. A
            snapshot is returned as it is.

    Returns:
        The leaves by path, as read-only NumPy arrays.

    Raises:
        ValueError: which names the path, for a leaf without values (a tracer, an abstract shape, a
            deleted or donated buffer) and for two leaves with the same path.
    """
    return snapshot_of(tree, {})


def snapshot_of(
    tree: Any, copies: Copies, held: Callable[[Array], Array] = lambda array: array
) -> Snapshot:
    """Return a snapshot of one of several trees of the same moment.

    The trees share `copies`: an array that a state and its parameters both hold is copied once.
    `held` may return another array of the same bits in the place of a copy.
    """
    if isinstance(tree, Snapshot):
        return tree
    entries, structure = flatten(tree)
    require_buffers(entries)
    leaves = {}
    for path, value, variable in entries:
        known = copies.get(id(value))
        if known is None:
            copy = _copy(path, value)
            known = copies[id(value)] = value, None if copy is None else held(copy)
        if (array := known[1]) is not None:
            weak = bool(getattr(value, "weak_type", type(value) in PYTHON_NUMBERS))
            kind = None if variable is None else variable.var_type.__name__
            leaves[path] = Leaf(path, array, kind, weak)
    return Snapshot(leaves, structure)


def require_buffers(entries: Iterable[Entry]) -> None:
    """Raise `ValueError`, with the paths, if buffers of leaves were deleted or donated."""
    import jax

    tracer, array = jax.core.Tracer, jax.Array
    deleted = [
        path_text(path)
        for path, value, _ in entries
        if isinstance(value, array) and not isinstance(value, tracer) and value.is_deleted()
    ]
    if deleted:
        these = "this buffer was" if len(deleted) == 1 else "these buffers were"
        raise ValueError(
            f"{', '.join(deleted)}: {these} deleted, most likely donated to a compiled step; read "
            "the state that the step returned, or take the snapshot before the step; what is put "
            "back behind the step has to be a copy that was made before it"
        )


def _copy(path: Path, value: Any) -> Array | None:
    """Return a read-only copy of ``value``, or None if it holds no numbers."""
    import jax

    if isinstance(value, jax.core.Tracer):
        raise ValueError(
            f"{path_text(path)}: this is a tracer, not a value; take snapshots outside functions "
            "that are transformed (jit, grad, vmap)"
        )
    if isinstance(value, jax.Array):
        # Among the dtypes that JAX has and NumPy lacks, only PRNG keys hold numbers.
        if not isinstance(value.dtype, np.dtype) and jax.numpy.issubdtype(
            value.dtype, jax.dtypes.prng_key
        ):
            value = jax.random.key_data(value)
    elif isinstance(value, jax.Ref):  # in NNX variables made with `ref=True`; not for NumPy
        return _copy(path, value[...])
    elif isinstance(value, jax.ShapeDtypeStruct):
        raise ValueError(f"{path_text(path)}: this is a shape without values; initialise it first")
    elif not isinstance(value, PYTHON_NUMBERS) and not hasattr(value, "__array__"):
        return None
    # Never `np.asarray`: on CPU it is a view into JAX's buffer, and while the view lives, JAX does
    # not donate that buffer. A verifier that did this would change what it observes.
    array = as_in_jax(path, np.array(value, order="C"))
    if not holds_numbers(array.dtype):
        return None
    array.flags.writeable = False
    return array


def as_in_jax(path: Path, array: Array) -> Array:
    """Return an array in this machine's byte order, the only one that JAX knows.

    Raises `ValueError` for numbers of more bits than JAX has.
    """
    if is_too_wide(array.dtype):
        raise ValueError(
            f"{path_text(path)}: this is a {array.dtype}, which JAX does not have; take 64 bits"
        )
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def is_too_wide(dtype: np.dtype[Any]) -> bool:
    """Tell whether a dtype is NumPy's `longdouble`, or a complex number of two of them."""
    return dtype.kind in "fc" and dtype.itemsize > (8 if dtype.kind == "f" else 16)


def holds_numbers(dtype: np.dtype[Any]) -> bool:
    """Tell whether arrays of a NumPy dtype hold numbers, not text, objects, dates or nothing."""
    # Most ml_dtypes, bfloat16 among them, are of kind "V"; so is plain void, `float0` included.
    return dtype.kind in "biufc" or (dtype.kind == "V" and dtype.type is not np.void)
