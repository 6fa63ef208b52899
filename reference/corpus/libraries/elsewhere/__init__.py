"""Programs that run without frostproof, where a library asks for a JAX that it does not support.

Each is started as `python PROGRAM.py RECIPE FOLDER`. For every optimizer that it is tried with it
leaves `OPTIMIZER.before.npz` and `OPTIMIZER.after.npz` there: all parameters by path, before and
after some steps.
"""
