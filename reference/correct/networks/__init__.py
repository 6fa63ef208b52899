"""The networks that the reference trainers train; both APIs build the same ones."""
