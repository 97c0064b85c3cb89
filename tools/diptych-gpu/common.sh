# What run-tests and run-bench share; bash alone. Sourced.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=${DIPTYCH_GPU:-$here/diptych-gpu}
out=${GPU_OUT:-$PWD/gpu-results}

say() { printf 'gpu: %s\n' "$*"; }
die() { say "$*" >&2; exit 1; }

# Where NVIDIA's libraries may lie beside the places that the loader knows.
findLibraries() {
  local folder found=()
  for folder in /usr/local/nvidia/lib64 /usr/local/nvidia/lib /usr/local/cuda/lib64 /usr/local/cuda/targets/x86_64-linux/lib \
    /opt/*/.venv/lib/python3*/site-packages/nvidia/cu1[23]/lib /opt/*/.venv/lib/python3*/site-packages/nvidia/cublas/lib \
    /usr/local/lib/python3*/dist-packages/nvidia/cu1[23]/lib /usr/local/lib/python3*/dist-packages/nvidia/cublas/lib; do
    if compgen -G "$folder/libcuda.so.1" >/dev/null || compgen -G "$folder/libcublas.so.1[23]" >/dev/null; then
      found+=("$folder")
    fi
  done
  local IFS=:
  [ ${#found[@]} -eq 0 ] || export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}${found[*]}"
}

# Ends with 77 where there is no GPU: skipped, and said so.
requireGpu() {
  [ -x "$program" ] || die "$program is missing: ./dev gpu-bundle builds it"
  export DIPTYCH_CUDA=${DIPTYCH_CUDA:-device} DIPTYCH_CACHE=off
  findLibraries
  local status=0 text
  text=$("$program" status) || status=$?
  if [ "$status" -eq 77 ]; then
    say "SKIPPED, nothing was run: no GPU: $text"
    exit 77
  fi
  [ "$status" -eq 0 ] || die "$program ended with status $status: $text"
  [ "$DIPTYCH_CUDA" = simulate ] && say "SIMULATED device: this says nothing of a GPU"
  say "$text"
  mkdir -p "$out" || die "no folder $out"
}
