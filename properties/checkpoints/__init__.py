"""Two checkpoints judged by the laws of freezing: what was frozen stayed, the rest moved.

Where no trainer can be handed over there are still the weights before and after. The leaves are
paired (`pairing`), each has a role (`roles`), pairs are compared piece by piece (`difference`),
accused ones are looked at for what their numbers tell of the cause (`causes`, `transfers`), and
all of it becomes one verdict per law (`verdicts`). `judging` runs it on all cores.
"""
