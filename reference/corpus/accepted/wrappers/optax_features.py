"""Correct Optax wrappers that use more of Optax: names, prefixes, extra arguments, its errors."""

import jax
import jax.numpy as jnp
import optax

from frostproof import OptaxFreeze, Optimizers
from frostproof.reference.corpus.register import accepted

EXACT = ("selected", "value", "inert", "isolated")
#: What matters here is what is around the optimizer.
FEW = Optimizers("sgd", "momentum", "adam")


def _under_few(fn, promise=("selected", "value")):
    return OptaxFreeze(fn, optimizers=FEW, promise=promise)


def _trained(mask):
    return jax.tree.map(lambda frozen: not frozen, mask)


def _partition(optimizer, mask, **options):
    """Partition by labels that are made of text, so that equal ones are other objects."""
    labels = jax.tree.map(lambda frozen: "fro" + "zen" * frozen + "m" * (not frozen), mask)
    labels = jax.tree.map(lambda label: "".join(reversed(label)), labels)
    transforms = {"nezorf": optax.set_to_zero(), "morf": optimizer}
    return optax.partition(transforms=transforms, param_labels=labels, **options)


labels_made_of_text = accepted(_under_few(_partition, promise=EXACT))


@accepted
@_under_few
def named_chain(optimizer, mask):
    """The parts of the chain have names."""
    return optax.named_chain(("optimizer", optimizer), ("freeze", optax.freeze(mask=mask)))


@accepted
@_under_few
def names_that_are_taken(optimizer, mask):
    """A chain refuses a name that it has already, and then the part gets another one."""
    try:
        return optax.named_chain(("tx", optimizer), ("tx", optax.freeze(mask)))
    except ValueError:
        return optax.named_chain(("tx", optimizer), ("tx_1", optax.freeze(mask)))


@accepted
@_under_few
def masks_as_functions(optimizer, mask):
    """Masks are functions of the parameters, or of the updates, for whose tree they are made."""
    chosen, frozen = (lambda tree: _trained(mask)), (lambda tree: mask)
    return optax.chain(
        optax.masked(inner=optimizer, mask=chosen), optax.masked(optax.set_to_zero(), frozen)
    )


def _prefix(mask):
    """Return one bool in place of a subtree in which all leaves have it."""
    if isinstance(mask, bool):
        return mask
    leaves = set(jax.tree.leaves(mask))
    if len(leaves) == 1:
        return leaves.pop()
    return jax.tree.map(_prefix, mask, is_leaf=lambda node: node is not mask)


@accepted
@_under_few
def prefix_of_a_mask(optimizer, mask):
    """A subtree that is frozen or trained as a whole has one bool in the mask, or one label."""
    return optax.chain(optimizer, optax.freeze(_prefix(mask)))


prefix_for_the_partition = accepted(
    _under_few(
        lambda optimizer, mask: optax.selective_transform(
            optimizer=optimizer, freeze_mask=_prefix(mask)
        ),
        promise=EXACT,
    )
)


@accepted
@_under_few
def frozen_leaves_in_lists(optimizer, mask):
    """Frozen scalars, vectors and matrices go through separate transformations, which often
    have none to transform.
    """
    flags = jax.tree.leaves(mask)

    def update(updates, state, params=None):
        updates, state = optimizer.update(updates, state, params)
        leaves, form = jax.tree.flatten(updates)
        for axes in range(3):
            chosen = [i for i, leaf in enumerate(leaves) if flags[i] and leaf.ndim == axes]
            own = [leaves[i] for i in chosen]
            zero = optax.masked(optax.set_to_zero(), [True] * len(own))
            zeroed, _ = zero.update(own, zero.init(own))
            for i, leaf in zip(chosen, zeroed, strict=True):
                leaves[i] = leaf
        return jax.tree.unflatten(form, leaves), state

    return optax.GradientTransformation(optimizer.init, update)


# Extra arguments.


def _given(wrapped, **arguments):
    """Hand extra arguments to a transformation, of the updates where they are functions."""

    def update(updates, state, params=None):
        given = {name: value(updates) for name, value in arguments.items()}
        return wrapped.update(updates, state, params, **given)

    return optax.GradientTransformation(wrapped.init, update)


def _no_update(params):
    return optax.EmptyState()


def _scaled_by_an_argument(optimizer):
    """Scale the gradients by an argument, which is one, before the optimizer sees them."""

    def update(updates, state, params=None, *, scale, **others):
        return jax.tree.map(lambda u: u * scale, updates), state

    return optax.chain(optax.GradientTransformationExtraArgs(_no_update, update), optimizer)


def _scale(updates):
    return 1


extra_argument_through_a_partition = accepted(
    _under_few(
        lambda optimizer, mask: _given(
            _partition(_scaled_by_an_argument(optimizer), mask), scale=_scale
        ),
        promise=EXACT,
    )
)


@accepted
@_under_few
def extra_argument_through_a_named_chain(optimizer, mask):
    """A chain with names hands an extra argument on."""
    scaled = ("scaled", _scaled_by_an_argument(optimizer))
    return _given(optax.named_chain(scaled, ("freeze", optax.freeze(mask))), scale=_scale)


def _compared(optimizer, leaves):
    """Require an argument to have as many leaves as it says, before the optimizer."""

    def update(updates, state, params=None, *, reference, **others):
        assert len(jax.tree.leaves(reference)) == leaves, "the argument is another tree"
        return updates, state

    return optax.chain(optax.GradientTransformationExtraArgs(_no_update, update), optimizer)


def _same(updates):
    return jax.tree.map(lambda update: update, updates)


def _other(updates):
    return list(range(len(jax.tree.leaves(updates)) + 1))


def _handing_on(optimizer, mask, wrap, masked, reference):
    """Freeze where a transformation inside looks at an argument, which is masked or whole."""
    flags = jax.tree.leaves(mask)
    whole = len(flags) + (reference is _other)
    inside = _compared(optimizer, flags.count(False) if masked else whole)
    return _given(wrap(inside, mask), reference=reference)


def _masked_alone(optimizer, mask, **options):
    masked = optax.masked(optimizer, _trained(mask), **options)
    return optax.chain(masked, optax.freeze(mask))


def _masking(optimizer, mask):
    return _masked_alone(optimizer, mask, mask_compatible_extra_args=True)


def _partitioning(optimizer, mask):
    return _partition(optimizer, mask, mask_compatible_extra_args=True)


@accepted
@_under_few
def whole_argument(optimizer, mask):
    """An argument of the form of the parameters reaches a masked transformation as it is."""
    return _handing_on(optimizer, mask, _masked_alone, False, _same)


@accepted
@_under_few
def masked_argument(optimizer, mask):
    """…or without the frozen leaves, where that is asked for."""
    return _handing_on(optimizer, mask, _masking, True, _same)


@accepted
@_under_few
def argument_of_another_form(optimizer, mask):
    """…and whole all the same, where its form is another one."""
    return _handing_on(optimizer, mask, _masking, False, _other)


@accepted
@_under_few
def whole_argument_in_a_partition(optimizer, mask):
    """The same in a partition: the argument as it is."""
    return _handing_on(optimizer, mask, _partition, False, _same)


@accepted
@_under_few
def masked_argument_in_a_partition(optimizer, mask):
    """The argument without the frozen leaves."""
    return _handing_on(optimizer, mask, _partitioning, True, _same)


# Errors that Optax raises, and that a program relies on.


@accepted
@_under_few
def state_of_an_older_chain(optimizer, mask):
    """A state of fewer or more parts is refused, and then the chain begins anew."""
    chain = optax.chain(optimizer, optax.freeze(mask))

    def update(updates, state, params=None):
        for wrong in (state[:-1], (*state, optax.EmptyState())):
            try:
                chain.update(updates, wrong, params)
            except ValueError:
                continue
            raise AssertionError(f"a state of {len(wrong)} parts is taken for one of two")
        return chain.update(updates, state, params)

    return optax.GradientTransformation(chain.init, update)


@accepted
@_under_few
def label_without_a_transformation(optimizer, mask):
    """A label that has no transformation is refused as the state is made, and then it gets one."""
    labels = jax.tree.map(lambda frozen: "frozen" if frozen else "trained", mask)
    transforms = {"trained": optimizer, "frozen": optax.set_to_zero()}
    partial = optax.partition({"trained": optimizer}, labels)
    whole = optax.partition(transforms, labels)

    def init(params):
        try:
            partial.init(params)
        except ValueError:
            return whole.init(params)
        assert not any(jax.tree.leaves(mask)), "a label without a transformation is taken"
        return whole.init(params)

    return optax.GradientTransformation(init, whole.update)


def _with_the_trace_of_momentum(optimizer, mask):
    """Steps stop growing where the trace is not finite, which needs an optimizer with a trace."""
    inner = optax.chain(optimizer, optax.freeze(mask))

    def update(updates, state, params=None):
        updates, state = inner.update(updates, state, params)
        (trace,) = (value for _, value in optax.tree_utils.tree_get_all_with_path(state, "trace"))
        finite = jnp.isfinite(optax.tree_utils.tree_norm(trace))
        return jax.tree.map(lambda leaf: jnp.where(finite, leaf, 0), updates), state

    return optax.GradientTransformation(inner.init, update)


only_where_it_runs = accepted(
    OptaxFreeze(_with_the_trace_of_momentum, optimizers=Optimizers("momentum", "nesterov"))
)
