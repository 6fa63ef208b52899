"""The networks that the reference trainers train, the same in both APIs."""
