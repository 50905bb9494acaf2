#!/bin/sh
# Writes the pinned lists anew: sh python/requirements/compile.sh [UV]
# What only a GPU, a compiler or a remote dashboard needs stays out; install with --no-deps.
set -eu
cd "$(dirname "$0")"
GPU="cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-nvrtc nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile
  nvidia-curand nvidia-cusolver nvidia-cusparse nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink
  nvidia-nvshmem-cu13 nvidia-nvtx triton cmake torchcodec"
LEAVE_OUT=$(for name in $GPU; do printf ' --no-emit-package %s' "$name"; done)
for pair in test:3.11 torch:3.11 lerobot:3.12; do
  name=${pair%:*}
  "${1:-uv}" pip compile -q --upgrade --generate-hashes --no-annotate --python-version "${pair#*:}" --python-platform x86_64-manylinux_2_28 \
    --custom-compile-command "sh python/requirements/compile.sh" $LEAVE_OUT "$name.in" -o "$name.txt"
done
