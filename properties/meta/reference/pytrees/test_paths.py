"""Paths: one spelling for every representation of a leaf, and prefixes compared by segment."""

import pickle
import re
from collections import OrderedDict
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn
from flax import nnx
from flax.core import FrozenDict
from flax.traverse_util import flatten_dict
from hypothesis import given
from hypothesis import strategies as st
from jax.experimental import hijax
from jax.tree_util import DictKey, FlattenedIndexKey, GetAttrKey, SequenceKey

from frostproof.reference.pytrees.paths import (
    Path,
    UnmatchedPattern,
    flatten,
    matches,
    named_leaves,
    normalise,
    select,
)

NAMES = st.sampled_from(["l1", "l11", "xl1", "head", "value", "0", "10", "Dense_1", "Dense_10"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(tuple)


class TwoLayer(nnx.Module):
    """Two layers, and a Param named ``value``."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        """As in the exercise, with one parameter more."""
        self.l1 = nnx.Linear(2, 3, rngs=rngs)
        self.l2 = nnx.Linear(3, 1, rngs=rngs)
        self.value = nnx.Param(jnp.ones(1))

    def __call__(self, x: jax.Array) -> jax.Array:
        """Use every parameter, so that each has a gradient."""
        return self.l2(nnx.relu(self.l1(x))) + self.value[...]


PARAMETERS = {("l1", "bias"), ("l1", "kernel"), ("l2", "bias"), ("l2", "kernel"), ("value",)}


def two_layers() -> TwoLayer:
    """Make a fresh model; its paths are `PARAMETERS`."""
    return TwoLayer(nnx.Rngs(0))


def loss(model: TwoLayer) -> jax.Array:
    """Something to differentiate."""
    return jnp.sum(model(jnp.ones((4, 2))) ** 2)


@pytest.mark.parametrize(
    "represent",
    [
        pytest.param(lambda model: model, id="module"),
        pytest.param(nnx.state, id="state"),
        pytest.param(lambda model: nnx.state(model, graph=False), id="state of tree mode"),
        pytest.param(lambda model: nnx.split(model)[1], id="split"),
        pytest.param(lambda model: nnx.to_pure_dict(nnx.state(model)), id="pure dict"),
        pytest.param(lambda model: FrozenDict(nnx.to_pure_dict(nnx.state(model))), id="FrozenDict"),
        pytest.param(lambda model: nnx.value_and_grad(loss)(model)[1], id="nnx.value_and_grad"),
        pytest.param(lambda model: nnx.grad(loss, graph=False)(model), id="nnx.grad of tree mode"),
        pytest.param(jax.grad(loss), id="jax.grad"),
        pytest.param(lambda model: jax.eval_shape(lambda: nnx.state(model)), id="shapes"),
    ],
)
def test_every_representation_has_the_same_paths(represent: Any) -> None:
    """A module, its states, its pure dicts and all gradients spell their leaves alike."""
    assert set(named_leaves(represent(two_layers()))) == PARAMETERS


def test_jax_alone_spells_a_module_in_its_own_way() -> None:
    """The premise of the test above: without normalisation these paths differ, so it can fail."""
    spelt = [
        {jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_flatten_with_path(tree)[0]}
        for tree in (nnx.state(two_layers()), jax.grad(loss)(two_layers()))
    ]

    assert spelt[0].isdisjoint(spelt[1])


def test_linen_variables_keep_their_collection() -> None:
    """Dict and FrozenDict agree, and a partitioned box adds no segment."""
    boxed = nn.with_partitioning(nn.initializers.ones, (None, "x"))
    variables = nn.Dense(2, kernel_init=boxed).init(jax.random.key(0), jnp.ones((1, 3)))

    assert set(named_leaves(variables)) == {("params", "bias"), ("params", "kernel")}
    assert set(named_leaves(FrozenDict(variables))) == set(named_leaves(variables))


def test_sequences_and_nested_modules() -> None:
    """Indices become strings, and a module inside a tree is read as it is at the root."""
    model = two_layers()
    tree = {"layers": [jnp.ones(1), (jnp.ones(1), None)], "models": [model]}
    expected = {("layers", "0"), ("layers", "1", "0")} | {("models", "0", *p) for p in PARAMETERS}

    assert set(named_leaves(tree)) == expected
    assert named_leaves(jnp.ones(2)).keys() == {()}
    assert named_leaves(nnx.Param(jnp.ones(2))).keys() == {()}


@given(PATHS)
def test_only_a_last_attribute_named_value_is_dropped(path: Path) -> None:
    """One `GetAttrKey('value')` goes, at the end; a dict key of that name always stays."""
    keys = tuple(DictKey(name) for name in path)

    assert normalise(keys) == path
    made = "".join(["val", "ue"])  # an equal string that is another object

    assert normalise((*keys, GetAttrKey("value"))) == path
    assert normalise((*keys, GetAttrKey(made))) == path
    assert normalise((*keys, GetAttrKey("value"), GetAttrKey("value"))) == (*path, "value")
    assert normalise((GetAttrKey("value"), *keys)) == ("value", *path)


def test_every_kind_of_key_becomes_a_string() -> None:
    """The four key classes of JAX, and a foreign one."""
    keys = (DictKey(1), GetAttrKey("a"), SequenceKey(2), FlattenedIndexKey(3), "foreign")

    assert normalise(keys) == ("1", "a", "2", "3", "foreign")


def test_a_key_that_is_a_tuple_is_a_path_of_its_own() -> None:
    """A flat dict of Flax's names the leaves that the nested one has."""
    nested = {"enc": {"kernel": 1.0}, "enc_1": {"kernel": 2.0}}
    flat = flatten_dict(nested)

    assert named_leaves({"params": flat}) == named_leaves({"params": nested})
    assert select(named_leaves(flat), ("enc",)) == {("enc", "kernel")}
    assert normalise((DictKey(()),)) == ("()",)


def test_tied_weights_have_one_path() -> None:
    """A module has a tied weight once, under its first name; a JAX gradient has it twice."""
    model = two_layers()
    model.l2 = nnx.Linear(2, 3, rngs=nnx.Rngs(1))
    model.l2.kernel = model.l1.kernel
    with nnx.set_graph_mode(False):  # must not matter
        leaves = named_leaves(model)
    gradient = jax.grad(lambda m: jnp.sum(m.l1.kernel[...] * m.l2.kernel[...]))(model)

    assert set(leaves) == PARAMETERS - {("l2", "kernel")}
    assert set(named_leaves(gradient)) == PARAMETERS


@pytest.mark.skipif(
    not hasattr(hijax, "instantiate_zeros"),
    reason="Flax needs it for `hijax=True`, from JAX 0.9 on",
)
def test_modules_that_jax_cannot_flatten() -> None:
    """A module that refers to itself, one that is not a pytree, and unusual kinds of variables."""

    class Unregistered(nnx.Module, pytree=False):
        def __init__(self) -> None:
            self.itself = self
            self.boxed = nnx.Param(jnp.ones(1), hijax=True)
            self.ref = nnx.BatchStat(jnp.ones(1), ref=True)
            self.tree = nnx.Param({"a": jnp.ones(1)})

    entries, _ = flatten({"m": Unregistered()})

    kinds = [(entry.path, entry.variable.var_type.__name__) for entry in entries]
    assert kinds == [
        (("m", "boxed"), "Param"),
        (("m", "ref"), "BatchStat"),
        (("m", "tree", "value", "a"), "Param"),
    ]
    assert isinstance(entries[0].leaf, jax.Array)


def test_two_leaves_with_one_path_are_an_error() -> None:
    """The message names the path, and both leaves as JAX spells them."""
    with pytest.raises(ValueError, match=r"`a/1`: \['a'\]\[1\] and \['a'\]\['1'\]"):
        named_leaves({"a": OrderedDict([(1, 0.0), ("1", 0.0)])})


def test_structure_holds_no_memory_address() -> None:
    """Two processes, or two models made alike, have the same structure."""
    tree = jax.tree_util.Partial(lambda x: x, jnp.ones(1))

    assert "at 0x" in str(jax.tree.structure(tree))
    assert "at 0x" not in flatten(tree)[1]


@given(st.lists(PATHS, min_size=1, max_size=8, unique=True), st.data())
def test_prefixes_are_compared_by_segment(paths: list[Path], data: st.DataObject) -> None:
    """A prefix selects exactly the paths that continue it, in each way to write it."""
    path = data.draw(st.sampled_from(paths))
    prefix = path[: data.draw(st.integers(1, len(path)))]
    expected = {other for other in paths if other[: len(prefix)] == prefix}

    assert select(paths, [prefix]) == expected
    assert select(paths, ["/".join(prefix)]) == expected
    assert select(paths, lambda other: other[: len(prefix)] == prefix) == expected
    assert {other for other in paths if matches(other, {prefix})} == expected


def test_names_that_begin_alike_are_told_apart() -> None:
    """`block_1` does not cover `block_10`; a name that holds a slash can be written."""
    paths = [("encoder", "block_1", "w"), ("encoder", "block_10", "w"), ("mlp/~/linear", "w")]

    assert select(paths, ("encoder/block_1",)) == {paths[0]}
    assert select(paths, [("encoder", "block_1")]) == {paths[0]}
    assert select(paths, ("mlp/~/linear",)) == {paths[2]}
    assert select(paths, [("encoder",), "mlp/~/linear"]) == set(paths)
    assert select([("layers", "0")], [("layers", 0)]) == {("layers", "0")}
    assert select(paths, ()) == frozenset()


_WILDCARDS = (
    " (`frozen` knows no wildcards: name the layer, which stands for all below it, or write a "
    "predicate, such as `lambda path: path[-1] == '{}'`)"
)


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("Dense_O", " (did you mean `Dense_0`?)"),
        ("variables_of_all/Dense_0", " (did you mean `Dense_0`?)"),
        (("params", "Dense_0"), " (did you mean `Dense_0`?)"),
        ("Dense_0.kernel", " (did you mean `Dense_0/kernel`?)"),
        ("encoder", ""),
        ("", ""),
        ("*/kernel", _WILDCARDS.format("kernel")),
        (("Dense_?", "bias"), _WILDCARDS.format("bias")),
        ("Dense_0/**", _WILDCARDS.format("kernel")),
        (lambda path: path == "Dense_0/kernel", ""),
    ],
)
def test_what_matches_no_leaf_is_an_error(pattern: Any, hint: str) -> None:
    """It lists the paths, and the closest one if one is close; predicates are not exempt."""
    paths = [("Dense_0", "bias"), ("Dense_0", "kernel"), ("head", "kernel")]
    with pytest.raises(UnmatchedPattern) as caught:
        select(paths, pattern if callable(pattern) else ["head", pattern])
    message = str(caught.value)

    listed = "the leaves are Dense_0/bias, Dense_0/kernel, head/kernel"

    assert message.endswith(f"` in `frozen` matches no leaf{hint}: {listed}")
    assert str(pickle.loads(pickle.dumps(caught.value))) == message


def test_a_long_list_of_paths_is_cut() -> None:
    """Twenty paths are shown, and the number of the others."""
    with pytest.raises(UnmatchedPattern, match=r"19, … and 3 more$"):
        select([(str(i),) for i in range(23)], ["encoder"])
    with pytest.raises(UnmatchedPattern, match=r"the tree is empty$"):
        select([], ["encoder"])


@pytest.mark.parametrize(
    "frozen", ["l1", b"l1", {"l1": True}, 3, None, (p for p in ["l1"]), nnx.Param, [3], [["l1"]]]
)
def test_what_is_no_collection_of_prefixes_is_refused(frozen: Any) -> None:
    """Above all a bare string, whose characters would become the patterns."""
    with pytest.raises(TypeError, match="`frozen`"):
        select([("l1",), ("1",), ("l",)], frozen)
    with pytest.raises(TypeError, match="`frozen`") as caught:
        matches(("l1",), frozen)

    assert ("write ('l1',)" in str(caught.value)) == (frozen == "l1")


def test_only_the_value_of_a_variable_is_dropped():
    """However deep it lies, and only where it is an attribute."""
    l1, kernel, value = DictKey("l1"), DictKey("kernel"), GetAttrKey("value")

    assert normalise((l1, kernel, value)) == ("l1", "kernel")
    assert normalise((l1, kernel, DictKey("value"))) == ("l1", "kernel", "value")


def test_a_predicate_that_cannot_be_asked_says_so():
    """A path is a tuple; and a function of the step that calls it otherwise covers every path."""
    with pytest.raises(TypeError, match=r"raises AttributeError for the path \('base', 'bias'\)"):
        select([("base", "bias")], lambda path: path.startswith("base"))
    with pytest.raises(TypeError, match=r"returns \('base',\) for .* expected True or False"):
        matches(("base", "bias"), lambda steps: ("base",))
    assert select([("a",), ("b",)], lambda path: re.match("a", path[0])) == {("a",)}
