"""alphagenome-ft without its `__init__`, which imports AlphaGenome's research code.

That code is not on PyPI. The modules for parameters, optimizers and LoRA layers do not need it, and
are public: importing them as submodules of a package whose `__init__` has not run is enough.
"""

import importlib
import importlib.util
import sys
import types

_spec = importlib.util.find_spec("alphagenome_ft")
if _spec is None or _spec.submodule_search_locations is None:
    raise ImportError("alphagenome-ft is not installed")
_package = types.ModuleType("alphagenome_ft")
_package.__path__ = list(_spec.submodule_search_locations)
sys.modules.setdefault("alphagenome_ft", _package)

lora = importlib.import_module("alphagenome_ft.lora")
optimizer_utils = importlib.import_module("alphagenome_ft.optimizer_utils")
parameter_utils = importlib.import_module("alphagenome_ft.parameter_utils")
