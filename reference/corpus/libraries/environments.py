"""Which packages a recipe needs beside those of `frostproof[libraries]`, each pinned."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """Packages that are installed in their own folder.

    Where it shares, everything that is installed beside frostproof is seen from there as well: the
    same JAX, Flax and Optax, and the engine. Where it does not, it holds nothing but its packages;
    a library that asks for an older JAX is judged by what its program leaves in files.
    """

    name: str
    packages: tuple[str, ...]
    shares: bool = True


ALPHAGENOME = Environment("alphagenome-ft", ("alphagenome-ft==0.1.12",))
BRAINTOOLS = Environment(
    "braintools",
    ("braintools==0.3.0", "brainstate==0.5.4", "brainunit==0.5.2", "brainevent==0.2.1"),
)
DYNAMAX = Environment("dynamax", ("dynamax==1.0.3",))
LORAX = Environment(
    "jax-lorax",
    (
        "jax-lorax==0.3.1",
        "qax==0.4.1",
        "plum-dispatch==2.2.2",  # with a newer one qax cannot be imported
        "jax==0.4.26",
        "jaxlib==0.4.26",
        "optax==0.1.9",
        "numpy==1.26.4",
        "scipy==1.12.0",
    ),
    shares=False,
)
NETKET = Environment("netket", ("netket==3.23.0",))
PARAMAX = Environment("paramax", ("gpjax==1.0.0", "flowjax==19.1.2", "paramax==0.0.5"))
PENZAI = Environment("penzai", ("penzai==0.2.5",))
QUAX = Environment("quax", ("quax==0.4.6",))
SEPES = Environment("sepes", ("sepes==0.12.1",))
TRANSFORMERS = Environment("transformers", ("transformers==4.57.3",))
TUNIX = Environment("tunix", ("google-tunix==0.1.7", "qwix==0.1.8"))
ZADAPTER = Environment("zadapter", ("zadapter==0.2.0",))
