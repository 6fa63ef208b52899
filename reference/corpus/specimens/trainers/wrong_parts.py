"""Faulty trainers that are to freeze a part of an array."""

from frostproof.reference.corpus.accepted.trainers.parts_of_arrays import (
    OLD,
    stack_trainer,
    table_trainer,
)
from frostproof.reference.corpus.register import specimen


@specimen(law="frozen-value", seen="huggingface/diffusers issue 1009, a textual inversion")
def old_words_decay():
    """The gradients of old words are zeroed, and the weight decay moves their rows all the same."""

    def zeroed(state, grads):
        return state.apply_gradients(grads=grads | {"table": grads["table"].at[:OLD].set(0.0)})

    return table_trainer(zeroed)


@specimen(law="trainable-moves", seen="a table of words that is put back as a whole")
def new_words_are_put_back():
    """After each step the whole table is put back, with the rows of new words in it."""

    def put_back(state, grads):
        new = state.apply_gradients(grads=grads)
        return new.replace(params=new.params | {"table": state.params["table"]})

    return table_trainer(put_back)


@specimen(law="frozen-value", seen="layers of a stack that are counted from one")
def second_layer_trains():
    """Of a stack whose first two layers are to stay only the first is put back."""

    def hold_the_first(model, optimizer, grads):
        first = model.kernel[:1]
        optimizer.update(model, grads)
        model.kernel[...] = model.kernel[...].at[:1].set(first)

    return stack_trainer(hold_the_first)
