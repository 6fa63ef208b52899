#!/usr/bin/env bash
# Optimistix 0.1.0: a fit in which one parameter is behind `stop_gradient` succeeds under BFGS and
# Levenberg-Marquardt, and its derivative raises; Gauss-Newton and Dogleg cannot fit at all. JAXopt 0.8.5 can.
#
# Expected: a parameter behind `stop_gradient` has a gradient of zero, so that a solver leaves it where it
# starts and fits the rest. The fit has a derivative by the data: that of the rest.
#
# What happens: the derivative comes from the implicit function theorem, which solves a linear system with
# the Hessian at the solution. The frozen parameter is a row and a column of zeros in it. The default,
# `ImplicitAdjoint(linear_solver=AutoLinearSolver(well_posed=None))`, takes a solver for regular matrices,
# which divides by zero, and Optimistix raises. Gauss-Newton and Dogleg meet the same zeros in the Jacobian
# in their first step; the damping of Levenberg-Marquardt fills them, and BFGS begins with the identity.
# JAXopt solves by conjugate gradients, which never leave the space where the system is regular.
#
# For a freeze: whoever tests the fit has not tested its derivative. Hand the frozen parameter in by
# `args`, or ask for `AutoLinearSolver(well_posed=False)` in the adjoint, and in Gauss-Newton.

packages=(optimistix==0.1.0 lineax==0.1.1 equinox==0.13.8 jaxtyping==0.3.11 jaxopt==0.8.5
          scipy==1.17.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import jaxopt
import lineax as lx
import optimistix as optx

START = {"frozen": jnp.array(2.0), "slope": jnp.array(0.0)}
SINGULAR = lx.AutoLinearSolver(well_posed=False)
DEFAULT = optx.ImplicitAdjoint()


def residuals(params, data):
    frozen = jax.lax.stop_gradient(params["frozen"])
    return jnp.stack([params["slope"] * frozen - data, params["slope"] - data])


def loss(params, data):
    return jnp.sum(residuals(params, data) ** 2)


def minimise(solver):
    return lambda data: optx.minimise(loss, solver, START, args=data).value["slope"]


def least_squares(solver, adjoint=DEFAULT):
    return lambda data: optx.least_squares(
        residuals, solver, START, args=data, adjoint=adjoint
    ).value["slope"]


def outcome(function):
    try:
        return f"{float(function(3.0)):.2f}"
    except RuntimeError:
        return "RuntimeError"


fits = {
    "BFGS": minimise(optx.BFGS(1e-6, 1e-6)),
    "LevenbergMarquardt": least_squares(optx.LevenbergMarquardt(1e-6, 1e-6)),
    "GaussNewton": least_squares(optx.GaussNewton(1e-6, 1e-6)),
    "Dogleg": least_squares(optx.Dogleg(1e-6, 1e-6)),
    "GaussNewton, well_posed=False": least_squares(
        optx.GaussNewton(1e-6, 1e-6, linear_solver=SINGULAR), optx.ImplicitAdjoint(SINGULAR)
    ),
    "JAXopt's BFGS": lambda data: jaxopt.BFGS(loss).run(START, data).params["slope"],
    "JAXopt's GaussNewton": lambda data: jaxopt.GaussNewton(residuals).run(START, data).params["slope"],
}
for name, fit in fits.items():
    print(f"{name}: the fit {outcome(fit)}, its derivative {outcome(jax.grad(fit))}")
PYTHON
)

expected=$(cat <<'TEXT'
BFGS: the fit 1.80, its derivative RuntimeError
LevenbergMarquardt: the fit 1.80, its derivative RuntimeError
GaussNewton: the fit RuntimeError, its derivative RuntimeError
Dogleg: the fit RuntimeError, its derivative RuntimeError
GaussNewton, well_posed=False: the fit 1.80, its derivative 0.60
JAXopt's BFGS: the fit 1.80, its derivative 0.60
JAXopt's GaussNewton: the fit 1.80, its derivative 0.60
TEXT
)

. "$(dirname "$0")/judge.bash"
