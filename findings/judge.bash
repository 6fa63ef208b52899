# Sourced by each finding, after `packages`, `program` and `expected` are set.
# Ends the script: 0 as stated, 1 the behaviour changed, 2 the packages cannot be installed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
printf '%s\n' "$program" > program.py
printf '%s\n' "$expected" > expected

"${PYTHON:-python3}" -m venv environment
if ! environment/bin/python -m pip install --quiet "${packages[@]}" 2> installing; then
  tail -n 3 installing >&2
  echo "cannot be judged: the packages cannot be installed: ${packages[*]}" >&2
  exit 2
fi

# What a program raises is part of what it shows only where the program prints it.
if ! JAX_PLATFORMS=cpu environment/bin/python program.py > seen 2> problems; then
  tail -n 5 problems >> seen
fi
if ! diff --unified --label expected --label seen expected seen; then
  echo "changed: ${packages[*]}" >&2
  exit 1
fi
echo "as stated: ${packages[*]}"
