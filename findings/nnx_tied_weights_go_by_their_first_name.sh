#!/usr/bin/env bash
# Flax 0.12.8: an NNX filter by path knows a tied weight by the first of its names in alphabetical order
# only: of "embed" and "head" by "embed", of "tokens" and "head" by "head", and no other name freezes it.
#
# Expected: `embed` and `head` share one table. A filter for "head" finds it, or it finds it under both
# names, or the name under which it was created is the one that counts.
#
# What happens: a state holds a shared variable once, as the guide says, and it holds it where it was met
# first, walking through the attributes in the order of their names. That is the only path that a filter is
# asked about: in `nnx.state`, `nnx.grad`, `nnx.Optimizer` and the labels of `optax.multi_transform`. Under
# any other name there is nothing, and that is no error. A third name that comes before both, on an
# attribute that no computation uses, takes the table away from a filter that worked, and from a
# checkpoint of its names.
#
# For a freeze: to train "all but the head" trains the head's table, if the other name comes first, and
# otherwise freezes the embedding, too; a filter for the trainable part trains nothing, without a word. Ask
# `nnx.find_duplicates(model)` before choosing by path, and give a tied weight a type of its own, by which
# it is found under whatever name. Tree mode, by `graph=False`, raises for each tied weight.

packages=(flax==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax.numpy as jnp
import optax
from flax import nnx

tokens = jnp.arange(8)


class Tied(nnx.Param):
    pass


class Model(nnx.Module):
    def __init__(self, entry, leave, unused=None):
        rngs = nnx.Rngs(0)
        table = nnx.Embed(8, 4, rngs=rngs)
        table.embedding = Tied(table.embedding[...])
        self.names = (entry, leave)
        setattr(self, entry, table)
        self.middle = nnx.Linear(4, 4, rngs=rngs)
        setattr(self, leave, table)
        if unused:
            setattr(self, unused, table)

    def __call__(self, tokens):
        entry, leave = (getattr(self, name) for name in self.names)
        return leave.attend(self.middle(entry(tokens)))


def loss(model):
    labels = (tokens + 1) % 8
    return optax.softmax_cross_entropy_with_integer_labels(model(tokens), labels).mean()


def trained(model, wrt, graph=None):
    def now():
        return {"table": model.head.embedding[...], "middle": model.middle.kernel[...]}

    begin = now()
    optimizer = nnx.Optimizer(model, optax.adam(0.1), wrt=wrt, graph=graph)
    for _ in range(3):
        grads = nnx.grad(loss, argnums=nnx.DiffState(0, wrt), graph=graph)(model)
        optimizer.update(model, grads)
    return " and ".join(name for name, value in now().items() if (value != begin[name]).any())


def but(filter):
    return nnx.All(nnx.Param, nnx.Not(filter))


for names in (("embed", "head"), ("tokens", "head"), ("embed", "head", "cache")):
    print(f"{', '.join(names)}: the state has {', '.join(nnx.state(Model(*names)))}")
    for name in names:
        only = trained(Model(*names), nnx.PathContains(name)) or "nothing"
        rest = trained(Model(*names), but(nnx.PathContains(name))) or "nothing"
        print(f"  to train {name} trains {only}; to train all but {name} trains {rest}")
    print("  to train all but the type trains", trained(Model(*names), but(Tied)))

old, new = Model("embed", "head"), Model("embed", "head", "cache")
print("names of one table:", *sorted(path[0] for path in nnx.find_duplicates(new)[0]))
try:
    nnx.replace_by_pure_dict(nnx.state(new), nnx.to_pure_dict(nnx.state(old)))
except ValueError as error:
    print("a checkpoint from before the third name:", error)
try:
    trained(old, nnx.PathContains("head"), graph=False)
except ValueError as error:
    print("tree mode:", type(error).__name__, str(error).split()[0])
PYTHON
)

expected=$(cat <<'TEXT'
embed, head: the state has embed, middle
  to train embed trains table; to train all but embed trains middle
  to train head trains nothing; to train all but head trains table and middle
  to train all but the type trains middle
tokens, head: the state has head, middle
  to train tokens trains nothing; to train all but tokens trains table and middle
  to train head trains table; to train all but head trains middle
  to train all but the type trains middle
embed, head, cache: the state has cache, middle
  to train embed trains nothing; to train all but embed trains table and middle
  to train head trains nothing; to train all but head trains table and middle
  to train cache trains table; to train all but cache trains middle
  to train all but the type trains middle
names of one table: cache embed head
a checkpoint from before the third name: key in pure_dict not available in state: ('embed', 'embedding')
tree mode: ValueError Duplicate
TEXT
)

. "$(dirname "$0")/judge.bash"
